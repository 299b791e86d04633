"""What the figures say, in sentences that are made from them. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.load import BUSY_OTHERS, BUSY_RIG
from benchmarks.report.figures import (
    ALL,
    FLOOR,
    OURS,
    RIVAL,
    Figure,
    LoadFigures,
    ratio,
)
from benchmarks.report.goals import AT_CALLS, verdicts
from benchmarks.results import Conversion, Machine, Results

_LEVEL = 0.05
"""Figures that differ by less than this part are level."""
_LEVEL_DB = 1.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """One of our figures beside another's."""

    ahead: bool | None
    """None for level."""
    sentence: str


@dataclass(frozen=True, slots=True)
class _Measure:
    """One figure of a converter, and when ours is the better one (None for level)."""

    name: str
    unit: str
    shown: Callable[[Conversion], str]
    ahead: Callable[[Conversion, Conversion], bool | None]


def machine_lines(machine: Machine) -> str:
    versions = ", ".join(f"{name} {machine.versions[name]}" for name in sorted(machine.versions))
    return (
        f"{machine.cpu}, {machine.cores} cores; {machine.kernel}; Python {machine.python};"
        f" {versions}. Measured on {machine.date}."
    )


def disturbed(load: LoadFigures) -> str:
    """A warning if figures are not the targets' alone; empty if they are."""
    others = sum(point.others_core_share > BUSY_OTHERS for point in load.points)
    rig = sum(point.rig_core_share > BUSY_RIG for point in load.points)
    total = len(load.points)
    parts = [
        f"in {count} of {total} points {who}"
        for count, who in (
            (others, "others used the machine meanwhile"),
            (rig, "the rig's own core was full"),
        )
        if count
    ]
    if not parts:
        return ""
    return f"**Measure again on a quiet machine:** {' and '.join(parts)}; the figures show it."


def capacity(load: LoadFigures) -> Iterator[str]:
    """How many calls each target carried on its core."""
    for target in load.targets:
        most = load.most_carried(target)
        if most is None:
            yield f"{target} did not carry even the smallest load"
        elif most == load.calls[-1]:
            yield f"{target} carries {most} calls on a core, the most tried"
        else:
            too_many = next(n for n in load.calls if n > most)
            yield f"{target} carries {most} calls on a core, and {too_many} are too many"


def missed(load: LoadFigures) -> str:
    """The goals in one sentence."""
    known = [verdict for verdict in verdicts(load) if verdict.met is not None]
    if not known:
        return "None of the goals was measured."
    failed = [v.goal.text for v in known if not v.met]
    if not failed:
        return f"All {len(known)} goals that were measured are reached."
    return f"{len(failed)} of {len(known)} goals are **missed**: {'; '.join(failed)}."


def under_load(load: LoadFigures, other: str) -> tuple[int, list[Comparison]] | None:
    """Ours beside another target, at the greatest load up to the goals' that both carry."""
    shared = [
        calls
        for calls in load.calls
        if calls <= AT_CALLS and load.carries(OURS, calls) and load.carries(other, calls)
    ]
    if not shared:
        return None
    compared = (_compared(load, figure, other, shared[-1]) for figure in ALL)
    return shared[-1], [comparison for comparison in compared if comparison is not None]


def conversion(measured: Sequence[Conversion]) -> list[Comparison]:
    """Ours beside the qualities of soxr: those with the same verdict share a sentence."""
    compared: list[Comparison] = []
    for mine in (c for c in measured if c.name == OURS):
        others = [c for c in measured if c.name != OURS and c.direction == mine.direction]
        for measure in _MEASURES:
            compared += _converters(measure, mine, others)
    return compared


def lists(results: Results) -> str:
    """Where we are behind, ahead and level, as Markdown."""
    load = LoadFigures(results.load)
    groups = [
        (f"the bare relay, at {found[0]} calls", found[1])
        for found in [under_load(load, FLOOR)]
        if found is not None
    ]
    groups += [
        (f"pipecat, at {found[0]} calls (the most up to {AT_CALLS} that both carry)", found[1])
        for found in [under_load(load, RIVAL)]
        if found is not None
    ]
    groups.append(("soxr's streams", conversion(results.conversion)))
    titles = (("Where we are behind", False), ("Where we are ahead", True), ("Level", None))
    parts = (_section(title, groups, ahead) for title, ahead in titles)
    return "\n\n".join(part for part in parts if part)


def _section(
    title: str, groups: Iterable[tuple[str, Sequence[Comparison]]], ahead: bool | None
) -> str:
    blocks = []
    for name, compared in groups:
        sentences = [c.sentence for c in compared if c.ahead is ahead]
        if sentences:
            items = "\n".join(f"- {sentence}" for sentence in sentences)
            blocks.append(f"Beside {name}:\n\n{items}")
    return "\n\n".join((f"## {title}", *blocks)) if blocks else ""


def _compared(load: LoadFigures, figure: Figure, other: str, calls: int) -> Comparison | None:
    mine, theirs = load.of(figure, OURS, calls), load.of(figure, other, calls)
    if mine is None or theirs is None:
        return None
    sentence = (
        f"{figure.name}: {_number(mine.median)} {figure.unit};"
        f" {other} {_number(theirs.median)} {figure.unit}"
    )
    times = load.beside(figure, other, calls, ratio)
    if times is None or times.least <= 0:
        return Comparison(_less(mine.median, theirs.median), f"{sentence}.")
    return Comparison(_less(times.median, 1.0), f"{sentence} ({_times(times.median, other)}).")


def _converters(
    measure: _Measure, mine: Conversion, others: Sequence[Conversion]
) -> Iterator[Comparison]:
    for ahead in (False, True, None):
        such = [other for other in others if measure.ahead(mine, other) is ahead]
        if such:
            theirs = ", ".join(f"{other.name} {measure.shown(other)}" for other in such)
            yield Comparison(
                ahead,
                f"{measure.name} {mine.direction}: {measure.shown(mine)} {measure.unit}; {theirs}.",
            )


def _less(mine: float, theirs: float) -> bool | None:
    if abs(mine - theirs) <= _LEVEL * abs(theirs):
        return None
    return mine < theirs


def _more_db(mine: float, theirs: float) -> bool | None:
    return None if abs(mine - theirs) < _LEVEL_DB else mine > theirs


_MEASURES = (
    _Measure(
        "cost",
        "µs per 20 ms",
        lambda c: f"{c.us_per_frame:.1f}",
        lambda mine, other: _less(mine.us_per_frame, other.us_per_frame),
    ),
    _Measure(
        "delay",
        "ms",
        lambda c: f"{c.delay_ms:.1f}",
        lambda mine, other: _less(mine.delay_ms, other.delay_ms),
    ),
    _Measure(
        "signal to noise",
        "dB",
        lambda c: f"{c.snr_db:.0f}",
        lambda mine, other: _more_db(mine.snr_db, other.snr_db),
    ),
    _Measure(
        "worst alias or image",
        "dB",
        lambda c: f"{c.worst_alias_db:.0f}",
        lambda mine, other: _more_db(other.worst_alias_db, mine.worst_alias_db),
    ),
)


def _number(value: float) -> str:
    """Three places that tell."""
    size = abs(value)
    return f"{value:.2f}" if size < 10 else f"{value:.1f}" if size < 100 else f"{value:.0f}"


def _times(ratio_to_theirs: float, other: str) -> str:
    if ratio_to_theirs >= 1:
        return f"ours is {_number(ratio_to_theirs)} times that"
    return f"{other}'s is {_number(1 / ratio_to_theirs)} times ours"

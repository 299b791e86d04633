"""Results as Markdown tables: the median of the runs and, in brackets, the lowest and highest.

Ratios and differences are taken within a run, where both targets met the same conditions, before
taking their median.
"""

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks.results import Delay, FirstSecond, FirstWord, LoadPoint, Results

OURS, FLOOR, RIVAL = "ringdown", "relay", "pipecat"
ORDER = (FLOOR, OURS, RIVAL)
LIMITS_AT = 50
"""The number of calls on one core at which the limits apply."""

_FULL_CORE = 0.95
_LATE_MS = 1_000.0
_NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Spread:
    """The spread of one figure over all runs."""

    median: float
    least: float
    most: float


def spread(values: Iterable[float | None]) -> Spread | None:
    """Return the spread of the values that are known; None if there are none."""
    known = sorted(value for value in values if value is not None)
    return Spread(statistics.median(known), known[0], known[-1]) if known else None


@dataclass(frozen=True, slots=True)
class Figure:
    """One of a point's figures, in the unit it is shown in; lower is better."""

    name: str
    of: Callable[[LoadPoint], float | None]


def _delays(name: str, of: Callable[[LoadPoint], Delay]) -> tuple[Figure, Figure]:
    return (
        Figure(f"{name} p50", lambda point: of(point).p50_ms),
        Figure(f"{name} p99", lambda point: of(point).p99_ms),
    )


UPLINK = _delays("uplink", lambda point: point.uplink)
DOWNLINK = _delays("downlink", lambda point: point.downlink)
BARGE_IN = _delays("barge-in", lambda point: point.barge_in)
FIRST_AUDIO = _delays("first audio", lambda point: point.first_audio)
CORE = Figure("core per call, %", lambda point: 100 * point.core_share_per_call)
MEMORY = Figure("memory per call, MB", lambda point: point.memory_per_call_mb)
_TOTALS = (
    Figure("uplink lost, ms", lambda point: point.uplink_lost_ms),
    Figure("bursts lost", lambda point: point.downlink_lost_bursts),
    Figure("no clear", lambda point: point.clears_missed),
    Figure("calls failed", lambda point: point.calls_failed),
)

Relation: TypeAlias = Callable[[float, float], float | None]


def ratio(mine: float, theirs: float) -> float | None:
    """Divide `mine` by `theirs`; None if `theirs` is zero."""
    return mine / theirs if theirs > 0 else None


def difference(mine: float, theirs: float) -> float:
    return mine - theirs


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """The load results, by target and number of calls."""

    points: Sequence[LoadPoint]

    @property
    def measured(self) -> Iterator[tuple[int, str]]:
        """Calls and target, fewest calls first; among targets, the floor first."""
        pairs = {(point.calls, point.target) for point in self.points}
        yield from sorted(pairs, key=lambda pair: (pair[0], _place(pair[1]), pair[1]))

    def at(self, target: str, calls: int) -> list[LoadPoint]:
        """One point per run."""
        return [p for p in self.points if p.target == target and p.calls == calls]

    def of(self, figure: Figure, target: str, calls: int) -> Spread | None:
        return spread(figure.of(point) for point in self.at(target, calls))

    def beside_floor(
        self, figure: Figure, how: Relation, calls: int, target: str = OURS
    ) -> Spread | None:
        """Compare the target with the floor in each run that has both; return the spread."""
        floors = {point.run: figure.of(point) for point in self.at(FLOOR, calls)}
        pairs = ((figure.of(p), floors.get(p.run)) for p in self.at(target, calls))
        return spread(how(a, b) for a, b in pairs if a is not None and b is not None)

    def carries(self, target: str, calls: int) -> bool:
        """Whether the target carried all calls; if not, its figures are too low to compare.

        It has time left on its core, no call fails, and hardly any audio is a second late.
        """
        points = self.at(target, calls)
        used = spread(p.core_share_per_call * max(p.calls - p.calls_failed, 1) for p in points)
        late_ms = spread(p.uplink.p99_ms for p in points)
        failed = spread(p.calls_failed for p in points)
        if used is None or late_ms is None or failed is None:
            return False
        return used.median < _FULL_CORE and late_ms.median < _LATE_MS and failed.median == 0


def tables(results: Results) -> str:
    """Format everything that was measured."""
    load = LoadFigures(results.load)
    written = (
        ("Delay of the audio, ms", _of_load(load, (*UPLINK, *DOWNLINK))),
        ("Barge-in to clear, and start to first audio, ms", _of_load(load, BARGE_IN + FIRST_AUDIO)),
        ("Use of the machine, and losses in all runs", _use(load)),
        (f"The limits, at {LIMITS_AT} calls", _limits(load)),
        ("Dial to first word, ms", _first_words(results.first_word)),
        ("The first second, with clips, ms", _first_seconds(results.first_second)),
    )
    return "\n\n".join(f"## {title}\n\n{table}" for title, table in written if table)


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A GitHub table with right-aligned figures; empty without rows."""
    if not rows:
        return ""
    rules = ["---:" if _are_figures(column) else "---" for column in zip(*rows, strict=True)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (columns, rules, *rows))


def shown(value: Spread | None, digits: int) -> str:
    """The median and, if several runs differ, the range."""
    if value is None:
        return _NOTHING
    median, least, most = (f"{v:.{digits}f}" for v in (value.median, value.least, value.most))
    return median if least == most else f"{median} ({least}…{most})"


def _of_load(load: LoadFigures, figures: Sequence[Figure]) -> str:
    rows = [
        (*_key(load, calls, target), *(shown(load.of(f, target, calls), 1) for f in figures))
        for calls, target in load.measured
    ]
    return markdown(("calls", "target", *(figure.name for figure in figures)), rows)


def _use(load: LoadFigures) -> str:
    rows = [
        (
            *_key(load, calls, target),
            shown(load.of(CORE, target, calls), 2),
            shown(load.beside_floor(CORE, ratio, calls, target), 2),
            shown(load.of(MEMORY, target, calls), 2),
            shown(spread(point.idle_memory_mb for point in load.at(target, calls)), 0),
            *(
                f"{sum(total.of(point) or 0 for point in load.at(target, calls)):.0f}"
                for total in _TOTALS
            ),
        )
        for calls, target in load.measured
    ]
    columns = (CORE.name, f"× {FLOOR}", MEMORY.name, "idle, MB", *(t.name for t in _TOTALS))
    return markdown(("calls", "target", *columns), rows)


def _key(load: LoadFigures, calls: int, target: str) -> tuple[str, str]:
    """The first two cells of a row, with a † if the target can't carry that many calls."""
    return str(calls), target if load.carries(target, calls) else f"{target} †"


def _limits(load: LoadFigures) -> str:
    """Format the limits; docs/decisions/0011 explains them."""
    beside, core = load.beside_floor, load.of(CORE, OURS, LIMITS_AT)
    memory = load.of(MEMORY, OURS, LIMITS_AT)
    limits = (
        ("core per call, %", core, 1.0),
        (f"uplink p50, ms above {FLOOR}", beside(UPLINK[0], difference, LIMITS_AT), 2.0),
        (f"uplink p99, ms above {FLOOR}", beside(UPLINK[1], difference, LIMITS_AT), 10.0),
        (f"barge-in p99, ms above {FLOOR}", beside(BARGE_IN[1], difference, LIMITS_AT), 5.0),
        ("memory per call, MB", memory, 1.0),
    )
    rows = [
        (what, shown(found, 2), f"{most:g}", "yes" if found.median <= most else "NO")
        for what, found, most in limits
        if found is not None
    ]
    return markdown(("limit", "measured", "at most", "kept"), rows)


_PARTS: tuple[tuple[str, Callable[[FirstWord], float]], ...] = (
    ("the webhook starts", lambda w: w.webhook_up),
    ("it wakes the handler", lambda w: max(w.handler_asked - w.webhook_up, 0.0)),
    ("it answers with TwiML", lambda w: w.answered - max(w.handler_asked, w.webhook_up)),
    ("the rest of the handler's start", lambda w: max(w.handler_up - w.answered, 0.0)),
    ("Twilio's stream opens", lambda w: w.streaming - max(w.answered, w.handler_up)),
    ("the call is claimed", lambda w: w.admitted - w.streaming),
    ("the model is set up", lambda w: w.model_set_up - w.admitted),
    ("it is asked to greet", lambda w: w.model_asked - w.model_set_up),
    ("its first sound is heard", lambda w: w.heard - w.model_asked),
    ("**dial to first word**", lambda w: w.heard),
    ("start of the stream to first word", lambda w: w.heard - w.streaming),
)


def _first_words(words: Sequence[FirstWord]) -> str:
    """Format how long each part takes, with nothing running and warm."""

    def of(figure: Callable[[FirstWord], float], *, cold: bool) -> str:
        return shown(spread(figure(word) for word in words if word.cold is cold), 0)

    rows = [(part, of(f, cold=True), of(f, cold=False)) for part, f in _PARTS if words]
    return markdown(("part", "nothing running", "warm"), rows)


def _first_seconds(seconds: Sequence[FirstSecond]) -> str:
    with_notice = [second for second in seconds if second.notice is not None]
    without = [second for second in seconds if second.notice is None]
    figures: tuple[tuple[str, Callable[[FirstSecond], float | None], Sequence[FirstSecond]], ...]
    figures = (
        ("POST to the notice's first word", lambda s: s.notice, with_notice),
        ("end of the notice to the agent's first word", lambda s: s.word_after_notice, with_notice),
        ("pick-up to the agent's first word, after the notice", lambda s: s.word, with_notice),
        ("pick-up to the agent's first word, without a notice", lambda s: s.word, without),
    )
    rows = [
        (
            what,
            *(shown(spread(of(s) for s in among if s.cold is cold), 0) for cold in (True, False)),
        )
        for what, of, among in figures
        if among
    ]
    return markdown(("from … to", "nothing running", "warm"), rows)


def _place(target: str) -> int:
    return ORDER.index(target) if target in ORDER else len(ORDER)


def _are_figures(cells: Sequence[str]) -> bool:
    return any(cell.lstrip("-")[:1].isdigit() for cell in cells)

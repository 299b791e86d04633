"""Results as tables, for the terminal and for Markdown. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.report.figures import (
    BARGE_IN,
    CORE,
    DOWNLINK,
    FIRST_AUDIO,
    FLOOR,
    MEMORY,
    UPLINK,
    Figure,
    LoadFigures,
    Spread,
    ratio,
    spread,
)
from benchmarks.report.goals import Verdict, verdicts
from benchmarks.results import Conversion, LoadPoint, Results

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = field(default=())


def aligned(table: Table) -> str:
    """For the terminal: words to the left, figures to the right."""
    lines = [table.columns, *table.rows]
    widths = [max(len(line[n]) for line in lines) for n in range(len(table.columns))]
    words = [_is_words(table, n) for n in range(len(table.columns))]
    text = (
        "  ".join(
            cell.ljust(width) if left else cell.rjust(width)
            for cell, width, left in zip(line, widths, words, strict=True)
        ).rstrip()
        for line in lines
    )
    return "\n".join((table.title, *text, *table.notes))


def markdown(table: Table) -> str:
    """As GitHub shows it; the title is left to the page."""
    rules = ["---" if _is_words(table, n) else "---:" for n in range(len(table.columns))]
    lines = [table.columns, rules, *table.rows]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join((text, *table.notes))


def all_tables(results: Results) -> list[Table]:
    """Those for which something was measured."""
    load = LoadFigures(results.load)
    tables = (
        delays(load),
        turns(load),
        usage(load),
        conversions(results.conversion),
        starts(results),
        store_states(results.store),
    )
    checked = goals(verdicts(load)) if results.load else None
    return [table for table in (*tables, checked) if table is not None and table.rows]


def delays(load: LoadFigures) -> Table:
    return _load_table("Delay of the audio, ms", load, (*UPLINK, *DOWNLINK))


def turns(load: LoadFigures) -> Table:
    return _load_table("Barge-in to clear, start to first audio, ms", load, BARGE_IN + FIRST_AUDIO)


def usage(load: LoadFigures) -> Table:
    """What a call takes of the machine, and what went wrong (totals of all runs)."""
    columns = (
        *("calls", "target", "core per call, %", "× relay", "memory per call, MB", "idle, MB"),
        *("uplink lost, ms", "bursts lost", "no clear", "calls failed"),
    )
    rows = [
        (*_key(load, target, calls), *_use(load, target, calls))
        for target, calls in _measured(load)
    ]
    return Table("Use of the machine, and losses", columns, rows, _notes(load))


def conversions(measured: Sequence[Conversion]) -> Table:
    columns = (
        *("direction", "converter", "µs per 20 ms", "delay, ms"),
        *("signal to noise, dB", "worst alias or image, dB"),
    )
    rates = {"up": "up, 8 → 16 kHz", "down": "down, 24 → 8 kHz"}
    rows = [
        (
            *(rates[c.direction], c.name, f"{c.us_per_frame:.1f}", f"{c.delay_ms:.1f}"),
            *(f"{c.snr_db:.0f}", f"{c.worst_alias_db:.0f}"),
        )
        for c in sorted(measured, key=lambda c: c.direction, reverse=True)
    ]
    return Table("Sample rate conversion", columns, rows)


def starts(results: Results) -> Table:
    """Cold starts, the warm webhook, and calls of tools."""
    names = dict.fromkeys(start.name for start in results.cold)
    rows = [(f"{name}, from nothing", shown(_start_ms(results, name), 0)) for name in names]
    if results.webhook:
        p50 = spread(time.p50_ms for time in results.webhook)
        p99 = spread(time.p99_ms for time in results.webhook)
        rows += [("webhook, warm, p50", shown(p50, 1)), ("webhook, warm, p99", shown(p99, 1))]
    if results.tools:
        p50 = spread(time.p50_ms for time in results.tools)
        p99 = spread(time.p99_ms for time in results.tools)
        rows += [("tool call, warm, p50", shown(p50, 1)), ("tool call, warm, p99", shown(p99, 1))]
    return Table("Starts, the webhook and tool calls", ("what", "ms"), rows)


def store_states(points: Sequence[LoadPoint]) -> Table:
    """The audio of one load with Firestore in different states, in the order measured."""
    load = LoadFigures(points)
    figures = (*UPLINK, *DOWNLINK, CORE)
    rows = [
        (
            state,
            *(shown(load.of(figure, state, calls), 1) for figure in figures),
            _total(load.at(state, calls), lambda point: point.uplink_lost_ms),
            _total(load.at(state, calls), lambda point: point.downlink_lost_bursts),
            _total(load.at(state, calls), lambda point: point.calls_failed),
        )
        for calls in load.calls
        for state in dict.fromkeys(point.target for point in points)
    ]
    columns = (
        *("Firestore", *(figure.name for figure in UPLINK + DOWNLINK), "core per call, %"),
        *("uplink lost, ms", "bursts lost", "calls failed"),
    )
    return Table("Audio while Firestore is well, slow and gone, ms", columns, rows)


def goals(checked: Iterable[Verdict]) -> Table:
    rows = [
        (
            verdict.goal.text,
            f"{shown(verdict.measured, 2)} {verdict.goal.unit if verdict.measured else ''}".strip(),
            verdict.word,
            verdict.remark,
        )
        for verdict in checked
    ]
    return Table("Goals", ("goal", "measured", "reached", "remark"), rows)


def shown(value: Spread | None, digits: int) -> str:
    """The median and, of several different runs, the range."""
    if value is None:
        return NOTHING
    median, least, most = (f"{v:.{digits}f}" for v in (value.median, value.least, value.most))
    return median if least == most else f"{median} ({least}…{most})"


def _load_table(title: str, load: LoadFigures, figures: Sequence[Figure]) -> Table:
    rows = [
        (
            *_key(load, target, calls),
            *(shown(load.of(figure, target, calls), 1) for figure in figures),
        )
        for target, calls in _measured(load)
    ]
    columns = ("calls", "target", *(figure.name for figure in figures))
    return Table(title, columns, rows, _notes(load))


def _measured(load: LoadFigures) -> Iterator[tuple[str, int]]:
    for calls in load.calls:
        for target in load.targets:
            if load.at(target, calls):
                yield target, calls


def _key(load: LoadFigures, target: str, calls: int) -> tuple[str, str]:
    return str(calls), target if load.carries(target, calls) else f"{target} †"


def _notes(load: LoadFigures) -> tuple[str, ...]:
    if all(load.carries(target, calls) for target, calls in _measured(load)):
        return ()
    return (
        "† More calls than it can carry: its core is full, calls fail, or audio is a second late.",
    )


def _use(load: LoadFigures, target: str, calls: int) -> tuple[str, ...]:
    points = load.at(target, calls)
    return (
        shown(load.of(CORE, target, calls), 2),
        shown(load.beside(CORE, FLOOR, calls, ratio, target=target), 2),
        shown(load.of(MEMORY, target, calls), 2),
        shown(spread(point.idle_memory_mb for point in points), 0),
        *(
            _total(points, of)
            for of in (
                lambda point: point.uplink_lost_ms,
                lambda point: point.downlink_lost_bursts,
                lambda point: point.clears_missed,
                lambda point: point.calls_failed,
            )
        ),
    )


def _total(points: Iterable[LoadPoint], of: Callable[[LoadPoint], float]) -> str:
    return f"{sum(of(point) for point in points):.0f}"


def _start_ms(results: Results, name: str) -> Spread | None:
    return spread(1000 * s.import_to_ready_s for s in results.cold if s.name == name)


def _is_words(table: Table, column: int) -> bool:
    cells = [row[column] for row in table.rows if row[column] not in ("", NOTHING)]
    return not any(cell.lstrip("-")[:1].isdigit() for cell in cells)

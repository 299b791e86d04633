"""docs/soak.md: whether anything leaked."""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.soak.holding import MOST_DESCRIPTORS, MOST_MB, Growth, growths
from benchmarks.soak.running import Run

PAGE = "soak.md"
SHORT, RANDOM = "reliability/short_calls.svg", "reliability/soak.svg"


def page(short: Run, at_random: Run, machine: Mapping[str, str], date: str) -> str:
    """The page as Markdown."""
    return "\n".join(_lines(short, at_random, machine, date)) + "\n"


def _lines(short: Run, at_random: Run, machine: Mapping[str, str], date: str) -> Iterator[str]:
    yield "# What processes hold after many calls"
    yield ""
    yield (
        "Written by `make soak`: real processes, real sockets, a store in SQLite, stand-ins for"
        " Twilio and Gemini Live. Memory (resident), descriptors and asyncio tasks of each process"
        " are read between two rounds, when no call is in hand. What a handler's tasks are then it"
        " says in its log: `no stream in hand`, `tasks`. [reliability.md](reliability.md)"
        " says what became of the calls."
    )
    yield ""
    where = ", ".join(f"{name}: {value}" for name, value in machine.items())
    yield f"*{date}. {where}.*"
    yield ""
    yield f"## {short.calls} short calls"
    yield ""
    yield "Each is hung up as soon as the agent is heard."
    yield ""
    yield f"![Memory, descriptors and tasks of each process against the calls made]({SHORT})"
    yield ""
    yield from _table(short)
    yield f"## Faults at random, {_minutes(at_random)} minutes"
    yield ""
    yield (
        f"{at_random.calls} calls in {sum(at_random.faults.values())} faults of"
        f" {len(at_random.faults)} kinds. A step down is a process that a fault has ended, and that"
        " was started again."
    )
    yield ""
    yield f"![The same while faults are injected]({RANDOM})"
    yield ""
    yield from _table(at_random)


def _minutes(run: Run) -> str:
    return f"{max((sample.at_s for sample in run.samples), default=0.0) / 60:.0f}"


def _table(run: Run) -> Iterator[str]:
    yield "| process | calls | memory, MB | descriptors | tasks | |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for growth in growths(run.samples):
        yield _row(growth)
    yield ""
    yield (
        "Second quarter of the process's samples → last. More than"
        f" {MOST_MB:g} MB, {MOST_DESCRIPTORS} descriptors or any task more would be a leak."
    )
    yield ""
    yield _failures(run.failures)
    yield ""


def _row(growth: Growth) -> str:
    memory = f"{growth.memory_mb[0]:.1f} → {growth.memory_mb[1]:.1f}"
    descriptors = f"{growth.descriptors[0]} → {growth.descriptors[1]}"
    tasks = "–" if growth.tasks is None else f"{growth.tasks[0]} → {growth.tasks[1]}"
    verdict = "; ".join(growth.leaks) or "nothing leaked"
    return f"| {growth.process} | {growth.calls} | {memory} | {descriptors} | {tasks} | {verdict} |"


def _failures(failures: Sequence[str]) -> str:
    if not failures:
        return "Every call went as it should."
    return f"{len(failures)} calls did not go as they should: {'; '.join(sorted(set(failures)))}."

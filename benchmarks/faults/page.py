"""What was seen of every fault, as a table for the terminal and as docs/reliability.md."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.faults.fault import Fault, Seen

PAGE = "reliability.md"


@dataclass(frozen=True, slots=True)
class Row:
    fault: Fault
    seen: Sequence[Seen]

    @property
    def as_decided(self) -> int:
        return sum(seen.problem is None for seen in self.seen)

    @property
    def silence(self) -> str:
        """p50 and longest, in seconds; a dash where no silence is due."""
        silences = [seen.silence_ms for seen in self.seen if seen.silence_ms is not None]
        return _p50_and_longest(silences, 1000, ".1f", "s")

    @property
    def reconnect(self) -> str:
        """The same of the time without a session of the model, in milliseconds."""
        took = [seen.reconnect_ms for seen in self.seen if seen.reconnect_ms is not None]
        return _p50_and_longest(took, 1, ".0f", "ms")


def _p50_and_longest(figures_ms: Sequence[int], in_one: int, form: str, unit: str) -> str:
    if not figures_ms:
        return "–"
    ordered = sorted(figures_ms)
    p50, longest = ordered[len(ordered) // 2], ordered[-1]
    return f"{p50 / in_one:{form}} / {longest / in_one:{form}} {unit}"


def line(row: Row) -> str:
    return (
        f"{row.as_decided:>4} of {len(row.seen):<4} {row.silence:>11} {row.reconnect:>12}"
        f"  {row.fault.name}"
        f" → {row.fault.outcome}"
    )


def page(rows: Sequence[Row], machine: Mapping[str, str], date: str) -> str:
    """The page as Markdown."""
    return "\n".join(_lines(rows, machine, date)) + "\n"


def _lines(rows: Sequence[Row], machine: Mapping[str, str], date: str) -> Iterator[str]:
    yield "# What goes wrong, and what callers hear of it"
    yield ""
    yield (
        "Written by `make faults`, which injects each fault into real processes over real sockets:"
        " the webhook, one or two stream handlers behind a proxy without affinity, a store in"
        " SQLite, stand-ins for Twilio and Gemini Live, and callers who speak. In mid-answer the"
        " fault strikes; the caller has told a number before, and the agent must still know it."
        " Faults of processes are injected one after the other; the others into so many calls that"
        " go on at the same time."
    )
    yield ""
    where = ", ".join(f"{name}: {value}" for name, value in machine.items())
    yield f"*{date}. {where}.*"
    yield ""
    yield (
        "| fault | decided outcome | as decided | silence, p50 / longest"
        " | without a model, p50 / longest |"
    )
    yield "| --- | --- | --- | --- | --- |"
    for row in rows:
        yield (
            f"| {row.fault.name} | {row.fault.outcome} | {row.as_decided} of {len(row.seen)}"
            f" | {row.silence} | {row.reconnect} |"
        )
    yield ""
    yield (
        "A row with 20 calls counts the calls, those on the other handler among them. Silence is"
        " the longest time without sound at the caller's ear, from the fault until the agent is"
        " heard again, taken from the samples that arrived. With a model that stalls it is the wait"
        " for the answer; with SIGTERM, where the caller is to speak and hears nothing missing, the"
        " time that no stream was there to hear them. *Without a model* is the time from the end of"
        " a session to the next one that listens, the stand-in's own set-up included; what the"
        " caller said meanwhile is sent to the next session."
    )
    yield ""
    yield "## How a call survives"
    yield ""
    yield (
        "A stream that ends without a decision is taken up: Twilio follows the `<Redirect>` behind"
        " `<Connect>`, `/after-stream` opens the next attempt, and whichever handler gets the new"
        " stream goes on from the record. At most 3 times in a minute, with pauses of 2 and 4 s"
        " before the second and third, and 10 times in a call; then an apology and the fallback"
        " number."
    )
    yield ""
    yield (
        "After a crash the agent says that it is back, or takes up its sentence. A handler that is"
        " told to stop hands each call over when the agent has spoken and the caller is to speak:"
        " the next one only listens, and what the caller says from the stream's first moment is"
        " heard. If nobody speaks for 4 s, the caller may have spoken when no stream was there:"
        " then the agent says that it is back."
    )
    yield ""
    yield "## What this cannot show"
    yield ""
    yield (
        "That Twilio asks `/after-stream` when a socket breaks off without a close frame is not"
        " documented. The stand-in does; if the real service ends the call instead, a crash costs"
        " its calls, and a stop (SIGTERM), which closes the stream in order, does not. To see it:"
        " run `make stack` with a real number, call it, `kill -9` the stream handler, whose process"
        " is in `out/stack.json`, and listen."
    )

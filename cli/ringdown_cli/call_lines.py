"""Turns a call into lines of text: one per turn or tool call, as the record grows."""

from dataclasses import dataclass

from ringdown.calls import (
    CallRecord,
    Speaker,
    ToolCall,
    ToolOutcome,
    Turn,
    may_be_running,
    timed_from_ring,
)


@dataclass(frozen=True, slots=True)
class Line:
    """A turn or a tool call: `who` is caller, agent or tool. Times are measured from the ring.

    `key` stays the same while the turn grows.
    """

    key: str
    at_ms: int
    until_ms: int
    who: str
    what: str


def record_lines(record: CallRecord) -> list[Line]:
    """Return a line for each turn and tool call, in the order in which they began.

    A tool call that may still be running has no line yet.
    """
    record = timed_from_ring(record)
    lines = [
        *(
            Line(f"turn {turn.n}", turn.start_ms, turn.end_ms, turn.speaker.value, _turn(turn))
            for turn in record.turns
        ),
        *(
            Line(
                f"tool {tool.id}",
                tool.start_ms,
                tool.start_ms + tool.duration_ms,
                "tool",
                _tool(tool),
            )
            for tool in record.tool_calls
            if not may_be_running(tool, record.call)
        ),
    ]
    return sorted(lines, key=lambda line: line.at_ms)


class NewLines:
    """Returns each turn and tool call of a record once, when it first appears."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def of(self, record: CallRecord) -> list[Line]:
        lines = [line for line in record_lines(record) if line.key not in self._given]
        self._given.update(line.key for line in lines)
        return lines


def _turn(turn: Turn) -> str:
    notes = []
    if turn.reply_ms is not None:
        notes.append(f"reply after {turn.reply_ms} ms")
    if turn.interrupted:
        notes.append("interrupted")
    if turn.barge_in_ms is not None:
        notes.append(f"silenced {turn.barge_in_ms} ms after the caller began")
    text = f"{turn.text} …" if turn.interrupted and turn.speaker is Speaker.AGENT else turn.text
    return f"{text}   ({', '.join(notes)})" if notes else text


def _tool(tool: ToolCall) -> str:
    if tool.outcome is ToolOutcome.ANSWERED:
        return f"{tool.name} answered in {tool.duration_ms} ms"
    error = f": {tool.error}" if tool.error is not None else ""
    if tool.outcome is ToolOutcome.UNKNOWN:
        return f"{tool.name} may or may not have completed{error}"
    return f"{tool.name} {tool.outcome} after {tool.duration_ms} ms{error}"

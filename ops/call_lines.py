"""What was said and done in a call, a line each, as its record gains it."""

from dataclasses import dataclass

from ringdown.calls import CallRecord, Speaker, ToolCall, ToolOutcome, Turn


@dataclass(frozen=True, slots=True)
class Line:
    """`at_ms` counts from the beginning of the stream; `who` is caller, agent or tool."""

    at_ms: int
    who: str
    what: str


class NewLines:
    """Gives each turn and tool call of a record once, when it is first there."""

    def __init__(self) -> None:
        self._turns: set[int] = set()
        self._tools: set[str] = set()

    def of(self, record: CallRecord) -> list[Line]:
        turns = [turn for turn in record.turns if turn.n not in self._turns]
        tools = [tool for tool in record.tool_calls if tool.id not in self._tools]
        self._turns.update(turn.n for turn in turns)
        self._tools.update(tool.id for tool in tools)
        lines = [
            *(Line(turn.start_ms, turn.speaker.value, _turn(turn)) for turn in turns),
            *(Line(tool.start_ms, "tool", _tool(tool)) for tool in tools),
        ]
        return sorted(lines, key=lambda line: line.at_ms)


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
    return f"{tool.name} {tool.outcome} after {tool.duration_ms} ms{error}"

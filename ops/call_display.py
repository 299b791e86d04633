"""Shows a call as it happens: what the phone network sees, and what the record says."""

from ops.processes import say
from ringdown.calls import CallRecord, Speaker, ToolCall, ToolOutcome, Turn
from simulators.twilio import CallEvent
from simulators.twilio.alerts import AlertCode, AlertLevel
from simulators.twilio.events import (
    AlertRaised,
    CallAnswered,
    CallEnded,
    PlaybackCleared,
    StreamAudioStarted,
    StreamEnded,
    StreamStarted,
    VerbStarted,
    WebhookAnswered,
)
from simulators.twilio.twiml import Dial, Say


class CallDisplay:
    """Prints each moment once. Times are seconds since the caller dialled."""

    def __init__(self) -> None:
        self._stream_ms = 0
        self._turns_shown: set[int] = set()
        self._tools_shown: set[str] = set()

    def event(self, event: CallEvent) -> None:
        """Show what happened on the phone network, if a person would want to know."""
        at_ms = event.when.at_ms
        match event:
            case WebhookAnswered():
                path = "/" + event.url.split("/", 3)[-1] if event.url.count("/") > 2 else "/"
                _line(at_ms, "webhook", f"{path} answered in {event.took_ms} ms")
            case CallAnswered():
                _line(at_ms, "phone", "answered")
            case VerbStarted(verb=Say(text=text)):
                _line(at_ms, "notice", text)
            case VerbStarted(verb=Dial()):
                _line(at_ms, "phone", "connecting to another number")
            case StreamStarted():
                self._stream_ms = at_ms
                _line(at_ms, "stream", "open")
            case StreamAudioStarted():
                _line(at_ms, "stream", f"first audio {at_ms - self._stream_ms} ms after the start")
            case PlaybackCleared():
                _line(at_ms, "barge-in", f"cleared; {event.dropped_ms / 1000:.1f} s not played")
            case StreamEnded():
                _line(at_ms, "stream", event.how.value)
            case AlertRaised(alert=alert) if is_fault(alert.code):
                _line(at_ms, "ERROR", f"Twilio would report {int(alert.code)}: {alert.detail}")
            case CallEnded():
                _line(at_ms, "phone", event.reason.value)
            case _:
                pass

    def record(self, record: CallRecord) -> None:
        """Show the turns and tool calls that are new in the record."""
        new_turns = [turn for turn in record.turns if turn.n not in self._turns_shown]
        new_tools = [tool for tool in record.tool_calls if tool.id not in self._tools_shown]
        new: list[Turn | ToolCall] = [*new_turns, *new_tools]
        for item in sorted(new, key=lambda item: item.start_ms):
            at_ms = self._stream_ms + item.start_ms
            match item:
                case Turn():
                    self._turns_shown.add(item.n)
                    _line(at_ms, item.speaker.value, _turn(item))
                case ToolCall():
                    self._tools_shown.add(item.id)
                    _line(at_ms, "tool", _tool(item))


def is_fault(code: AlertCode) -> bool:
    """Whether an alert means that something went wrong.

    Twilio logs 31921 whenever our side closes the stream, which is how a call goes on.
    """
    return code.level is AlertLevel.ERROR and int(code) != 31921


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
    return f"{tool.name} {tool.outcome} after {tool.duration_ms} ms"


def _line(at_ms: int, who: str, what: str) -> None:
    say(f"  {at_ms / 1000:6.2f} s  {who:<9} {what}")

"""Shows a call as it happens: what the phone network sees, and what the record says."""

from ops.call_lines import NewLines
from ops.processes import say
from ringdown.calls import CallRecord
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
        self._new_lines = NewLines()

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
        for line in self._new_lines.of(record):
            _line(self._stream_ms + line.at_ms, line.who, line.what)


def is_fault(code: AlertCode) -> bool:
    """Whether an alert means that something went wrong.

    Twilio logs 31921 whenever our side closes the stream, which is how a call goes on; and a mere
    warning when it dials nobody for want of a caller ID.
    """
    if code is AlertCode.DIAL_INVALID_CALLER_ID:
        return True
    return code.level is AlertLevel.ERROR and code is not AlertCode.STREAM_CLOSED_BY_SERVER


def _line(at_ms: int, who: str, what: str) -> None:
    say(f"  {at_ms / 1000:6.2f} s  {who:<9} {what}")

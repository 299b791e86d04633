"""Shows a call as it happens: what the phone network sees and what the record says."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from ringdown.calls import CallRecord
from ringdown_cli.call_lines import record_lines
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
from simulators.twilio.twiml import Dial, Play, Say

CLIP = "(in the agent's own voice)"
"""Shown for a clip that Twilio fetches, because we don't know its words."""
_HELD_BACK_S = 4.0
"""A turn's last words reach the record up to three seconds after they were said, and we read it
four times a second."""


@dataclass(frozen=True, slots=True)
class _Moment:
    at_ms: int
    who: str
    what: str


class CallDisplay:
    """Prints each moment of a call once, in order; turns and tool calls when they end.

    Times are seconds since the caller dialled. Moments are held back until the record can't add an
    earlier one; `now_s` is any clock.
    """

    def __init__(self, say: Callable[[str], None], now_s: Callable[[], float]) -> None:
        self._say = say
        self._now_s = now_s
        self._dialled_s: float | None = None
        self._stream_ms: int | None = None
        self._latest_stream_ms = 0
        self._waiting: dict[str, _Moment] = {}
        self._shown: set[str] = set()
        self._events = 0

    def event(self, event: CallEvent) -> None:
        """Add an event on the phone network, if it is worth showing."""
        at_ms = event.when.at_ms
        if self._dialled_s is None:
            self._dialled_s = self._now_s() - at_ms / 1000
        match event:
            case WebhookAnswered():
                path = urlsplit(event.url).path or "/"
                self._network(at_ms, "webhook", f"{path} answered in {event.took_ms} ms")
            case CallAnswered():
                self._network(at_ms, "phone", "answered")
            case VerbStarted(verb=Say(text=text)):
                self._network(at_ms, "notice", text)
            case VerbStarted(verb=Play(url=str())):
                self._network(at_ms, "notice", CLIP)
            case VerbStarted(verb=Dial()):
                self._network(at_ms, "phone", "connecting to another number")
            case StreamStarted():
                self._latest_stream_ms = at_ms
                if self._stream_ms is None:
                    self._stream_ms = at_ms
                self._network(at_ms, "stream", "open")
            case StreamAudioStarted():
                after_ms = at_ms - self._latest_stream_ms
                self._network(at_ms, "stream", f"first audio {after_ms} ms after the start")
            case PlaybackCleared():
                self._network(
                    at_ms, "barge-in", f"cleared; {event.dropped_ms / 1000:.1f} s not played"
                )
            case StreamEnded():
                self._network(at_ms, "stream", event.how.value)
            case AlertRaised(alert=alert) if is_fault(alert.code):
                self._network(
                    at_ms, "ERROR", f"Twilio would report {int(alert.code)}: {alert.detail}"
                )
            case CallEnded():
                self._network(at_ms, "phone", event.reason.value)
            case _:
                pass

    def record(self, record: CallRecord) -> None:
        """Add the record's turns and tool calls, and show everything that is old enough."""
        # The start of the first stream aligns the record with the phone network.
        ahead_ms = (self._stream_ms or 0) - record.call.stream_began_ms
        for line in record_lines(record):
            if line.key not in self._shown:
                at_ms = ahead_ms + line.until_ms
                self._waiting[line.key] = _Moment(at_ms, line.who, line.what)
        if self._dialled_s is not None:
            self._show(1000 * (self._now_s() - self._dialled_s - _HELD_BACK_S))

    def finish(self, record: CallRecord | None) -> None:
        """Show the rest, when the call is over."""
        if record is not None:
            self.record(record)
        self._show(float("inf"))

    def _network(self, at_ms: int, who: str, what: str) -> None:
        self._events += 1
        self._waiting[f"event {self._events}"] = _Moment(at_ms, who, what)

    def _show(self, until_ms: float) -> None:
        due = [(key, moment) for key, moment in self._waiting.items() if moment.at_ms <= until_ms]
        for key, moment in sorted(due, key=lambda item: item[1].at_ms):
            del self._waiting[key]
            self._shown.add(key)
            self._say(f"  {moment.at_ms / 1000:6.2f} s  {moment.who:<9} {moment.what}")


def is_fault(code: AlertCode) -> bool:
    """Whether an alert means that something went wrong.

    Twilio logs error 31921 whenever we close the stream, which is how a call continues. When it
    doesn't dial for lack of a valid caller ID, it logs only a warning.
    """
    if code is AlertCode.DIAL_INVALID_CALLER_ID:
        return True
    return code.level is AlertLevel.ERROR and int(code) != 31921

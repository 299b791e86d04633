"""The phone network's events as a page of a call shows them."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from devtools.call_display import CLIP, is_fault
from ringdown_cli.call_page.contents import Moment, MomentKind
from simulators.twilio import CallEvent, DialStatus
from simulators.twilio.events import (
    AlertRaised,
    CallAnswered,
    CallEnded,
    DialledPartyEnded,
    DigitPressed,
    MarkReached,
    PersonHeard,
    PlaybackCleared,
    StreamAudioStarted,
    StreamEnded,
    StreamStarted,
    VerbStarted,
    WebhookAnswered,
)
from simulators.twilio.twiml import Dial, Play, Say


def stream_began_ms(events: Sequence[CallEvent]) -> int:
    """Where in the recording the first stream started; 0 if none did."""
    starts = (event.when.line_ms for event in events if isinstance(event, StreamStarted))
    return next(starts, None) or 0


def moments(events: Sequence[CallEvent]) -> list[Moment]:
    """What a person would want to know, at its place in the recording.

    What happened before the call was answered is put at its beginning.
    """
    return [
        Moment(kind, event.when.line_ms or 0, text)
        for event in events
        for kind, text in _told(event)
    ]


def _told(event: CallEvent) -> Iterator[tuple[MomentKind, str]]:
    match event:
        case WebhookAnswered():
            path = urlsplit(event.url).path or "/"
            yield MomentKind.PHONE, f"webhook {path} answered in {event.took_ms} ms"
        case CallAnswered():
            yield MomentKind.PHONE, "answered"
        case VerbStarted(verb=Say(text=text)):
            yield MomentKind.NOTICE, text
        case VerbStarted(verb=Play(url=str())):
            yield MomentKind.NOTICE, CLIP
        case VerbStarted(verb=Dial()):
            yield MomentKind.PHONE, "connecting to another number"
        case PersonHeard():
            yield MomentKind.PHONE, f"other number hears: {event.text}"
        case DialledPartyEnded(status=DialStatus.COMPLETED, bridged=False):
            yield MomentKind.PHONE, "other number: answered, but was not connected"
        case DialledPartyEnded():
            yield MomentKind.PHONE, f"other number: {event.status.value}"
        case DigitPressed():
            yield MomentKind.PHONE, "the caller pressed a key"
        case StreamStarted():
            yield MomentKind.STREAM_OPEN, "stream opened"
        case StreamAudioStarted():
            yield MomentKind.PHONE, "first audio of the stream"
        case MarkReached():
            yield MomentKind.MARK, event.name
        case PlaybackCleared():
            dropped_s = event.dropped_ms / 1000
            yield MomentKind.CLEAR, f"clear: {dropped_s:.1f} s were not played"
        case StreamEnded():
            yield MomentKind.STREAM_END, f"stream {event.how.value}"
        case AlertRaised(alert=alert) if is_fault(alert.code):
            yield MomentKind.FAULT, f"Twilio would report {int(alert.code)}: {alert.detail}"
        case CallEnded():
            yield MomentKind.PHONE, event.reason.value
        case _:
            pass

"""The phone network's events, as a call's page shows them."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from devtools.call_display import CLIP, is_fault
from ringdown.call_page.contents import Moment, MomentKind
from ringdown.calls import Call
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


def recording_began_ms(call: Call, events: Sequence[CallEvent]) -> int:
    """Return when the recording started, on the clock of the call's page, which counts from the
    ring.

    The start of the first stream aligns the record and the recording. Without a stream, the phone's
    clock has to do.
    """
    for event in events:
        if isinstance(event, StreamStarted) and event.when.line_ms is not None:
            return call.stream_began_ms - event.when.line_ms
    answers = (event.when.at_ms for event in events if isinstance(event, CallAnswered))
    return next(answers, 0)


def moments(events: Sequence[CallEvent], began_ms: int) -> list[Moment]:
    """Return the events worth showing, on the clock of the call's page. On that clock, the
    recording started at `began_ms`."""
    return [
        Moment(kind, _place_ms(event, began_ms), text)
        for event in events
        for kind, text in words_for(event)
    ]


def _place_ms(event: CallEvent, began_ms: int) -> int:
    line_ms = event.when.line_ms
    return max(0, min(event.when.at_ms, began_ms) if line_ms is None else began_ms + line_ms)


def words_for(event: CallEvent) -> Iterator[tuple[MomentKind, str]]:
    """Put an event into words, if it is worth showing."""
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
            yield MomentKind.PHONE, "other number: answered, but wasn't connected"
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
            yield MomentKind.CLEAR, f"interrupted: {dropped_s:.1f} s of speech discarded"
        case StreamEnded():
            yield MomentKind.STREAM_END, f"stream {event.how.value}"
        case AlertRaised(alert=alert) if is_fault(alert.code):
            yield MomentKind.FAULT, f"Twilio would report {int(alert.code)}: {alert.detail}"
        case CallEnded():
            yield MomentKind.PHONE, event.reason.value
        case _:
            pass

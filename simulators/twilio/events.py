"""The events of a call, for its log and for a live display."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum

from .alerts import Alert
from .call_flow import DialStatus, EndReason
from .twiml import Verb


class Party(StrEnum):
    CALLER = "caller"
    AGENT = "agent"


class StreamEnd(StrEnum):
    """How a stream ended."""

    CLOSED_BY_SERVER = "closed by server"
    STOPPED = "stopped by the network"
    DROPPED = "dropped"
    PROTOCOL_ERROR = "protocol error"
    NOT_CONNECTED = "not connected"


@dataclass(frozen=True, slots=True)
class When:
    """`at_ms` counts from dialling; `line_ms` is the position in the recording.

    The recording begins when the call is answered; until then, `line_ms` is None.
    """

    at_ms: int
    line_ms: int | None


@dataclass(frozen=True, slots=True)
class WebhookSent:
    when: When
    url: str
    method: str
    attempt: int


@dataclass(frozen=True, slots=True)
class WebhookAnswered:
    """`status` is None if there was no response; `body` is the TwiML, or whatever came instead."""

    when: When
    url: str
    status: int | None
    took_ms: int
    body: str


@dataclass(frozen=True, slots=True)
class StatusPosted:
    """A status callback; `event` is e.g. `completed` or `stream-started`."""

    when: When
    url: str
    event: str
    status: int | None


@dataclass(frozen=True, slots=True)
class CallAnswered:
    when: When


@dataclass(frozen=True, slots=True)
class VerbStarted:
    when: When
    verb: Verb


@dataclass(frozen=True, slots=True)
class StreamStarted:
    when: When
    stream_sid: str
    url: str


@dataclass(frozen=True, slots=True)
class StreamAudioStarted:
    """The first audio of a stream was played to the caller."""

    when: When
    stream_sid: str


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """`unplayed_ms` of buffered audio was lost; the close code is our side's, if it sent one."""

    when: When
    stream_sid: str
    how: StreamEnd
    close_code: int | None
    close_reason: str
    unplayed_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """`text` is known only for the caller."""

    when: When
    who: Party
    text: str = ""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """`started_ms` and `stopped_ms` are positions in the recording; the event comes later."""

    when: When
    who: Party
    started_ms: int
    stopped_ms: int


@dataclass(frozen=True, slots=True)
class MarkReached:
    when: When
    name: str


@dataclass(frozen=True, slots=True)
class PlaybackCleared:
    when: When
    dropped_ms: int
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DigitPressed:
    when: When
    digit: str


@dataclass(frozen=True, slots=True)
class DialledPartyEnded:
    when: When
    number: str
    status: DialStatus
    duration_s: int
    bridged: bool
    """Whether the caller was connected to them."""


@dataclass(frozen=True, slots=True)
class PersonHeard:
    """What the person dialled hears before they are connected (`<Number url>`)."""

    when: When
    number: str
    text: str


@dataclass(frozen=True, slots=True)
class AlertRaised:
    when: When
    alert: Alert


@dataclass(frozen=True, slots=True)
class CallEnded:
    """`status` is the final CallStatus."""

    when: When
    reason: EndReason
    status: str


CallEvent = (
    WebhookSent
    | WebhookAnswered
    | StatusPosted
    | CallAnswered
    | VerbStarted
    | StreamStarted
    | StreamAudioStarted
    | StreamEnded
    | SpeechStarted
    | SpeechStopped
    | MarkReached
    | PlaybackCleared
    | DigitPressed
    | DialledPartyEnded
    | PersonHeard
    | AlertRaised
    | CallEnded
)


class EventLog:
    """Keeps a call's events in order, and passes each to `on_event` as it happens."""

    def __init__(
        self, now: Callable[[], When], on_event: Callable[[CallEvent], None] | None = None
    ) -> None:
        self.now = now
        self.events: list[CallEvent] = []
        self._on_event = on_event

    def add(self, event: CallEvent) -> None:
        self.events.append(event)
        if self._on_event is not None:
            self._on_event(event)

    def alert(self, alert: Alert) -> None:
        self.add(AlertRaised(self.now(), alert))

    def alerts(self) -> tuple[Alert, ...]:
        return tuple(event.alert for event in self.events if isinstance(event, AlertRaised))


def event_record(event: CallEvent) -> dict[str, object]:
    """Convert an event to JSON; `event` names its kind, e.g. `stream_started`."""
    record: dict[str, object] = {
        "event": _snake_case(type(event).__name__),
        "at_ms": event.when.at_ms,
        "line_ms": event.when.line_ms,
    }
    for field in fields(event):
        if field.name != "when":
            record[field.name] = _plain(getattr(event, field.name))
    return record


def _plain(value: object) -> object:
    if isinstance(value, Alert):
        return {"code": int(value.code), "level": value.code.level.value, "detail": value.detail}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value)


def _snake_case(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name).removeprefix("_")

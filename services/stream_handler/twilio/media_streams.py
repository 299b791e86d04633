"""Twilio Media Streams messages, as pure functions: text frames to structs and back.

Source: Twilio's "Media Streams - WebSocket Messages". Fields we don't use are not read.
"""

import base64
from typing import TypeAlias

import msgspec

MULAW = "audio/x-mulaw"


class MediaStreamError(Exception):
    """The peer sent what Twilio wouldn't: a binary frame, invalid JSON or a malformed event."""


class MediaFormat(msgspec.Struct, frozen=True, rename="camel"):
    encoding: str
    sample_rate: int
    channels: int


class StartFields(msgspec.Struct, frozen=True, rename="camel"):
    stream_sid: str
    call_sid: str
    media_format: MediaFormat
    custom_parameters: dict[str, str] = {}


class MediaFields(msgspec.Struct, frozen=True, gc=False):
    payload: bytes
    """µ-law at 8 kHz."""
    track: str = "inbound"


class DtmfFields(msgspec.Struct, frozen=True):
    digit: str


class MarkFields(msgspec.Struct, frozen=True, gc=False):
    name: str


class Connected(msgspec.Struct, frozen=True, tag_field="event", tag="connected"):
    """Twilio's first message, sent before `start`."""


class Start(msgspec.Struct, frozen=True, tag_field="event", tag="start"):
    start: StartFields


class Media(msgspec.Struct, frozen=True, gc=False, tag_field="event", tag="media", rename="camel"):
    stream_sid: str
    media: MediaFields


class Dtmf(msgspec.Struct, frozen=True, tag_field="event", tag="dtmf", rename="camel"):
    stream_sid: str
    dtmf: DtmfFields


class Mark(msgspec.Struct, frozen=True, gc=False, tag_field="event", tag="mark", rename="camel"):
    stream_sid: str
    mark: MarkFields


class Stop(msgspec.Struct, frozen=True, tag_field="event", tag="stop", rename="camel"):
    stream_sid: str


Message: TypeAlias = Connected | Start | Media | Dtmf | Mark | Stop


class _AnyMessage(msgspec.Struct, frozen=True):
    event: str


_EVENTS = frozenset({"connected", "start", "media", "dtmf", "mark", "stop"})
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_any_decoder = msgspec.json.Decoder(_AnyMessage)


def decode(frame: str | bytes) -> Message | None:
    """Decode a text frame. Return None for an event we don't know: Twilio may add some.

    Raises MediaStreamError for a binary frame, invalid JSON or a malformed message.
    """
    if not isinstance(frame, str):
        raise MediaStreamError("a binary frame")
    try:
        return _decoder.decode(frame)
    except msgspec.ValidationError as error:
        if _is_unknown_event(frame):
            return None
        raise MediaStreamError(f"a malformed message: {error}") from None
    except (msgspec.DecodeError, RecursionError):
        raise MediaStreamError("a message that is not JSON") from None


def encode_media(stream_sid: str, mulaw: bytes) -> str:
    # Base64 needs no escaping; neither does a stream sid, which was checked at `start`.
    payload = base64.b64encode(mulaw).decode("ascii")
    return f'{{"event":"media","streamSid":"{stream_sid}","media":{{"payload":"{payload}"}}}}'


def encode_mark(stream_sid: str, name: str) -> str:
    return f'{{"event":"mark","streamSid":"{stream_sid}","mark":{{"name":"{name}"}}}}'


def encode_clear(stream_sid: str) -> str:
    return f'{{"event":"clear","streamSid":"{stream_sid}"}}'


def _is_unknown_event(frame: str) -> bool:
    try:
        return _any_decoder.decode(frame).event not in _EVENTS
    except (msgspec.DecodeError, RecursionError):
        return False

"""Encodes and decodes the messages of a media stream; no I/O.

Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages. `sequenceNumber`,
`chunk` and `timestamp` are strings; `sampleRate` and `channels` are numbers.
"""

import base64
import binascii
import json
from dataclasses import dataclass

from .alerts import Alert, AlertCode

FRAME_MS = 20
FRAME_BYTES = 160
SILENT_FRAME = b"\xff" * FRAME_BYTES
_SILENT_PAYLOAD = base64.b64encode(SILENT_FRAME).decode("ascii")


@dataclass(frozen=True, slots=True)
class StreamIdentity:
    account_sid: str
    call_sid: str
    stream_sid: str
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class MediaSent:
    """Our side sent audio to play: µ-law bytes, 8 kHz, any length."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class MarkSent:
    name: str


@dataclass(frozen=True, slots=True)
class ClearSent:
    pass


StreamMessage = MediaSent | MarkSent | ClearSent


class StreamEncoder:
    """Encodes Twilio's messages in one stream, and keeps its counters."""

    def __init__(self, identity: StreamIdentity) -> None:
        self._identity = identity
        self._sid = json.dumps(identity.stream_sid)
        self._sequence = 0
        self._chunk = 0

    def connected(self) -> str:
        return _dump({"event": "connected", "protocol": "Call", "version": "1.0.0"})

    def start(self) -> str:
        identity = self._identity
        start = {
            "accountSid": identity.account_sid,
            "streamSid": identity.stream_sid,
            "callSid": identity.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": dict(identity.parameters),
        }
        return _dump(
            {
                "event": "start",
                "sequenceNumber": self._next(),
                "start": start,
                "streamSid": identity.stream_sid,
            }
        )

    def media(self, frame: bytes) -> str:
        """Encode an inbound frame; its timestamp is the milliseconds of audio before it."""
        # Written by hand: this runs fifty times a second for every call.
        payload = (
            _SILENT_PAYLOAD if frame is SILENT_FRAME else base64.b64encode(frame).decode("ascii")
        )
        at_ms = self._chunk * FRAME_MS
        self._chunk += 1
        return (
            f'{{"event":"media","sequenceNumber":"{self._next()}","media":{{"track":"inbound",'
            f'"chunk":"{self._chunk}","timestamp":"{at_ms}","payload":"{payload}"}},'
            f'"streamSid":{self._sid}}}'
        )

    def skip(self) -> None:
        """Count a frame that isn't sent, so that later ones keep their place in time."""
        self._chunk += 1

    def dtmf(self, digit: str) -> str:
        return _dump(
            {
                "event": "dtmf",
                "streamSid": self._identity.stream_sid,
                "sequenceNumber": self._next(),
                "dtmf": {"track": "inbound_track", "digit": digit},
            }
        )

    def mark(self, name: str) -> str:
        return _dump(
            {
                "event": "mark",
                "sequenceNumber": self._next(),
                "streamSid": self._identity.stream_sid,
                "mark": {"name": name},
            }
        )

    def stop(self) -> str:
        identity = self._identity
        return _dump(
            {
                "event": "stop",
                "sequenceNumber": self._next(),
                "stop": {"accountSid": identity.account_sid, "callSid": identity.call_sid},
                "streamSid": identity.stream_sid,
            }
        )

    def _next(self) -> str:
        self._sequence += 1
        return str(self._sequence)


def decode_message(message: str | bytes, stream_sid: str) -> StreamMessage | Alert:
    """Decode a message from our side, or return an alert for the rule it breaks (31950, 31951)."""
    if isinstance(message, bytes):
        detail = f"a binary message of {len(message)} bytes"
        return Alert(AlertCode.STREAM_BINARY_MESSAGE, detail)
    try:
        fields = json.loads(message)
    except ValueError as error:
        return _invalid(f"not JSON: {error}", message)
    if not isinstance(fields, dict):
        return _invalid("not a JSON object", message)
    event = fields.get("event")
    match event:
        case "media" | "mark":
            expected = {"event", "streamSid", event}
        case "clear":
            expected = {"event", "streamSid"}
        case _:
            return _invalid(f"unknown event {event!r}", message)
    if fields.keys() != expected:
        return _invalid(_difference(expected, set(fields), f"a {event} message"), message)
    if fields["streamSid"] != stream_sid:
        return _invalid(f"streamSid {fields['streamSid']!r} is not {stream_sid!r}", message)
    if event == "clear":
        return ClearSent()
    return _decode_body(event, fields[event], message)


def _decode_body(event: str, body: object, message: str) -> StreamMessage | Alert:
    key = "payload" if event == "media" else "name"
    if not isinstance(body, dict):
        return _invalid(f"{event} is not an object", message)
    if body.keys() != {key}:
        return _invalid(_difference({key}, set(body), f'"{event}"'), message)
    value = body[key]
    if not isinstance(value, str):
        return _invalid(f"{event}.{key} is not a string", message)
    if event == "mark":
        return MarkSent(value)
    try:
        return MediaSent(base64.b64decode(value, validate=True))
    except binascii.Error as error:
        return _invalid(f"media.payload is not base64: {error}", message)


def _difference(expected: set[str], seen: set[str], what: str) -> str:
    parts = []
    if missing := expected - seen:
        parts.append(f"{what} lacks {', '.join(sorted(missing))}")
    if extra := seen - expected:
        parts.append(f"{what} has no field {', '.join(sorted(extra))}")
    return "; ".join(parts)


def _invalid(reason: str, message: str) -> Alert:
    return Alert(AlertCode.STREAM_INVALID_MESSAGE, f"{reason} in {message[:120]}")


def _dump(fields: dict[str, object]) -> str:
    return json.dumps(fields, separators=(",", ":"))

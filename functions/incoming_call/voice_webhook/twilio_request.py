"""Parses and checks what Twilio posts. Pure: bytes in, dataclasses out.

Field names are Twilio's (https://www.twilio.com/docs/voice/twiml#request-parameters). Twilio adds
fields without notice, so unknown ones are ignored.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from starlette.datastructures import ImmutableMultiDict

from ringdown.calls import FINAL_TWILIO_STATUSES

MAX_BODY_BYTES = 64 * 1024
_MAX_FIELDS = 200
_MAX_PARTY_LENGTH = 256
_MAX_DURATION_S = 7 * 24 * 3600
_CALL_SID = re.compile(r"CA[0-9a-fA-F]{32}")
_ATTEMPT = re.compile(r"[1-9][0-9]{0,5}")
_UNKNOWN = "unknown"
_BOOLEANS = {"true": True, "false": False}
# The caller's carrier knows the caller, and that the number is theirs (attestation A).
_VERIFIED = "TN-Validation-Passed-A"

Form = ImmutableMultiDict[str, str]


class MalformedRequest(Exception):
    """The peer's fault: the body isn't a form, or lacks what every Twilio request carries."""


@dataclass(frozen=True, slots=True)
class CallUpdate:
    """A request about one call. Numbers are display text, at most 256 characters, never trusted."""

    call_sid: str
    caller: str
    called: str
    status: str
    duration_s: int | None
    caller_verified: bool = False
    """Whether the telephone network vouches for the caller's number (StirVerstat)."""

    @property
    def over(self) -> bool:
        """Whether Twilio will do nothing more with the call."""
        return self.status in FINAL_TWILIO_STATUSES


@dataclass(frozen=True, slots=True)
class DialUpdate:
    """How a `<Dial>` ended; `status` is Twilio's DialCallStatus."""

    call: CallUpdate
    status: str
    bridged: bool | None
    """Whether Twilio connected the two (DialBridged); None if it doesn't say."""

    @property
    def answered(self) -> bool:
        return self.status in ("completed", "answered")


@dataclass(frozen=True, slots=True)
class StreamUpdate:
    """A status callback about a call's media stream."""

    call_sid: str
    stream_sid: str
    event: str
    error: str | None


def parse_form(body: bytes) -> Form:
    """Decode a form of at most 200 fields, keeping repeated ones; MalformedRequest if it isn't
    one."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise MalformedRequest("The body isn't a form.") from None
    return Form(pairs)


def call_sid(form: Form) -> str:
    """Which call a form is about; MalformedRequest without a CallSid of Twilio's shape."""
    value = form.get("CallSid", "")
    if _CALL_SID.fullmatch(value) is None:
        raise MalformedRequest("CallSid is missing or is not one of Twilio's.")
    return value


def parties(form: Form) -> tuple[str, str]:
    """The caller and the called number or address, whatever the form is about."""
    return _text(form, "From") or _UNKNOWN, _text(form, "To") or _UNKNOWN


def call_update(form: Form) -> CallUpdate:
    """What a form says about its call; MalformedRequest without a CallSid."""
    caller, called = parties(form)
    return CallUpdate(
        call_sid=call_sid(form),
        caller=caller,
        called=called,
        status=_text(form, "CallStatus") or _UNKNOWN,
        duration_s=_duration_s(form.get("CallDuration", "")),
        caller_verified=form.get("StirVerstat") == _VERIFIED,
    )


def dial_update(form: Form) -> DialUpdate:
    """How dialling a person ended; MalformedRequest without a CallSid."""
    return DialUpdate(
        call_update(form),
        _text(form, "DialCallStatus") or _UNKNOWN,
        _BOOLEANS.get(form.get("DialBridged", "").lower()),
    )


def pressed_key(form: Form) -> str:
    """The key pressed in a `<Gather>`; empty if none."""
    return _text(form, "Digits")


def ended_attempt(query: Mapping[str, str]) -> int | None:
    """Which of the call's streams has ended, according to our own TwiML; None if it doesn't say."""
    text = query.get("attempt", "")
    return int(text) if _ATTEMPT.fullmatch(text) else None


def error_code(form: Form) -> str:
    """Twilio's number for the reason it requested the fallback URL."""
    return _text(form, "ErrorCode") or _UNKNOWN


def error_path(form: Form) -> str:
    """The decoded path of what Twilio couldn't use or fetch; empty if it doesn't say."""
    try:
        return unquote(urlsplit(form.get("ErrorUrl", "")).path)
    except ValueError:
        return ""


def status_update(form: Form) -> CallUpdate | StreamUpdate:
    """What a status callback is about; MalformedRequest without a CallSid."""
    if "StreamEvent" not in form:
        return call_update(form)
    return StreamUpdate(
        call_sid=call_sid(form),
        stream_sid=_text(form, "StreamSid") or _UNKNOWN,
        event=_text(form, "StreamEvent") or _UNKNOWN,
        error=_printable(form.get("StreamError", ""))[:200] or None,
    )


def _text(form: Form, name: str) -> str:
    """A short field, unchanged; empty if it is missing or absurdly long.

    Callers may be withheld or outside the telephone network: "anonymous", "+266696687", sip: URIs.
    """
    value = form.get(name, "").strip()
    return value if len(value) <= _MAX_PARTY_LENGTH and value.isprintable() else ""


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())


def _duration_s(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        return None
    return min(int(text), _MAX_DURATION_S)

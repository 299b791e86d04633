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
# Attestation A: the caller's carrier knows the caller, and knows that the number is theirs.
_VERIFIED = "TN-Validation-Passed-A"

Form = ImmutableMultiDict[str, str]


class MalformedRequest(Exception):
    """The body isn't a form, or lacks a field that every Twilio request has. The peer's fault."""


@dataclass(frozen=True, slots=True)
class CallUpdate:
    """A request about one call. Its numbers are untrusted text of at most 256 characters."""

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
    """Decode a form of at most 200 fields, keeping repeated ones. Raises MalformedRequest."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise MalformedRequest("The body isn't a form.") from None
    return Form(pairs)


def call_sid(form: Form) -> str:
    """Return the form's CallSid. Raises MalformedRequest if it is missing or malformed."""
    value = form.get("CallSid", "")
    if _CALL_SID.fullmatch(value) is None:
        raise MalformedRequest("CallSid is missing or is not one of Twilio's.")
    return value


def parties(form: Form) -> tuple[str, str]:
    """Return the caller's and the called number or address, whatever the form is about."""
    return _text(form, "From") or _UNKNOWN, _text(form, "To") or _UNKNOWN


def call_update(form: Form) -> CallUpdate:
    """Parse what a form says about its call. Raises MalformedRequest without a CallSid."""
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
    """Parse how dialling a person ended. Raises MalformedRequest without a CallSid."""
    return DialUpdate(
        call_update(form),
        _text(form, "DialCallStatus") or _UNKNOWN,
        _BOOLEANS.get(form.get("DialBridged", "").lower()),
    )


def pressed_key(form: Form) -> str:
    """Return the key pressed in a `<Gather>`; empty if none was."""
    return _text(form, "Digits")


def ended_attempt(query: Mapping[str, str]) -> int | None:
    """Return the attempt whose stream has ended, from the URL in our TwiML; None if missing."""
    text = query.get("attempt", "")
    return int(text) if _ATTEMPT.fullmatch(text) else None


def error_code(form: Form) -> str:
    """Return Twilio's error code for why it requested the fallback URL."""
    return _text(form, "ErrorCode") or _UNKNOWN


def error_path(form: Form) -> str:
    """Return the decoded path of the URL that Twilio couldn't fetch or use; empty if it doesn't
    say."""
    try:
        return unquote(urlsplit(form.get("ErrorUrl", "")).path)
    except ValueError:
        return ""


def status_update(form: Form) -> CallUpdate | StreamUpdate:
    """Parse a status callback. Raises MalformedRequest without a CallSid."""
    if "StreamEvent" not in form:
        return call_update(form)
    return StreamUpdate(
        call_sid=call_sid(form),
        stream_sid=_text(form, "StreamSid") or _UNKNOWN,
        event=_text(form, "StreamEvent") or _UNKNOWN,
        error=_printable(form.get("StreamError", ""))[:200] or None,
    )


def _text(form: Form, name: str) -> str:
    """Return a short field's text; empty if it is missing, absurdly long or has control characters.

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

"""The identifiers of a call, and the form fields that Twilio sends about it."""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from .webhooks import Params

API_VERSION = "2010-04-01"
_NORTH_AMERICA = (
    ("City", "SAN FRANCISCO"),
    ("State", "CA"),
    ("Zip", "94105"),
    ("Country", "US"),
)
_ELSEWHERE = (("City", ""), ("State", ""), ("Zip", ""), ("Country", ""))


def new_sid(prefix: str) -> str:
    """Make a new identifier: a prefix of two letters, and 32 hexadecimal digits."""
    return prefix + secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class CallIdentity:
    """Who calls whom. `extra` is added to every request for TwiML; names may repeat.

    `parent_call_sid` is the sid of the call that dialled this one.
    """

    account_sid: str
    call_sid: str
    to: str
    from_: str
    extra: Params = ()
    parent_call_sid: str | None = None

    def dialled(self, call_sid: str, number: str, caller_id: str) -> "CallIdentity":
        """Return the identity of the leg to a person whom this call dials."""
        return CallIdentity(
            self.account_sid, call_sid, number, caller_id, parent_call_sid=self.call_sid
        )

    def common(self, call_status: str) -> Params:
        """The fields that every webhook and callback of the call carries."""
        return (
            ("AccountSid", self.account_sid),
            ("ApiVersion", API_VERSION),
            ("CallSid", self.call_sid),
            ("CallStatus", call_status),
            ("Called", self.to),
            ("Caller", self.from_),
            ("Direction", "inbound" if self.parent_call_sid is None else "outbound-dial"),
            ("From", self.from_),
            ("To", self.to),
        )

    def voice(self, call_status: str) -> Params:
        """The fields of a request for TwiML."""
        if self.parent_call_sid is not None:
            return (*self.common(call_status), ("ParentCallSid", self.parent_call_sid))
        token = {"parentCallInfoToken": self.call_sid, "identityHeaderTokens": []}
        return (
            *self.common(call_status),
            ("CallToken", json.dumps(token)),
            *_places("From", self.from_),
            *_places("Caller", self.from_),
            *_places("To", self.to),
            *_places("Called", self.to),
            ("StirVerstat", "TN-Validation-Passed-A"),
            *self.extra,
        )

    def progress(
        self, call_status: str, sequence: int, at: datetime, duration_s: int | None
    ) -> Params:
        """The fields of a call status callback; only a completed call has a duration."""
        params = (
            *self.common(call_status),
            ("CallbackSource", "call-progress-events"),
            ("SequenceNumber", str(sequence)),
            ("Timestamp", format_datetime(at)),
        )
        if duration_s is None:
            return params
        minutes = str(-(-duration_s // 60))
        return (*params, ("CallDuration", str(duration_s)), ("Duration", minutes))

    def stream(
        self, stream_sid: str, name: str, event: str, at: datetime, error: str | None
    ) -> Params:
        """The fields of a stream status callback."""
        params = (
            ("AccountSid", self.account_sid),
            ("CallSid", self.call_sid),
            ("StreamSid", stream_sid),
            ("StreamName", name or stream_sid),
            ("StreamEvent", event),
            ("Timestamp", at.isoformat(timespec="milliseconds").replace("+00:00", "Z")),
        )
        return params if error is None else (*params, ("StreamError", error))


def _places(role: str, number: str) -> Params:
    known = _NORTH_AMERICA if number.startswith("+1") else _ELSEWHERE
    return tuple((role + name, value) for name, value in known)

"""Reasons for refusing a client: a close code and text like those of the real service."""

from enum import IntEnum

_REASON_BYTES = 123
"""Room for a reason in a close frame (RFC 6455, sections 5.5 and 5.5.1)."""


class CloseCode(IntEnum):
    NORMAL = 1000
    INVALID_ARGUMENT = 1007
    POLICY = 1008
    INTERNAL = 1011


class Refused(Exception):
    """The session ends with this code and reason; `detail` is the reason before truncation."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.detail = reason

    @property
    def reason(self) -> str:
        return self.detail.encode()[:_REASON_BYTES].decode(errors="ignore")


def invalid(reason: str) -> Refused:
    return Refused(CloseCode.INVALID_ARGUMENT, reason)


def known_refusal(name: str) -> Refused:
    """The refusal with this name in `KNOWN_REFUSALS`."""
    return Refused(*KNOWN_REFUSALS[name])


KNOWN_REFUSALS = {
    "wrong_key": (CloseCode.INVALID_ARGUMENT, "API key not valid. Please pass a valid API key."),
    "expired_key": (CloseCode.POLICY, "API key expired. Please renew the API key."),
    "leaked_key": (
        CloseCode.POLICY,
        "Your API key was reported as leaked. Please use another API key.",
    ),
    "no_key": (
        CloseCode.POLICY,
        "Method doesn't allow unregistered callers (callers without established identity).",
    ),
    "retired_model": (
        CloseCode.POLICY,
        "models/gemini-3.1-flash-live-preview is not found for API version v1beta.",
    ),
    "denied_location": (
        CloseCode.INVALID_ARGUMENT,
        "User location is not supported for the API use.",
    ),
    "denied_project": (
        CloseCode.POLICY,
        "Your project has been denied access. Please contact support.",
    ),
    "refused_schema": (CloseCode.INVALID_ARGUMENT, "Request contains an invalid argument."),
    "refused_feature": (
        CloseCode.POLICY,
        "Operation is not implemented, or supported, or enabled.",
    ),
    "policy": (CloseCode.POLICY, "Policy violation: content was blocked"),
}
"""Reported reasons for refused sessions, in the service's words, under our own names."""

"""Why a client is sent away: a close code of the real service and a reason worded like its own."""

from enum import IntEnum

_REASON_BYTES = 123
"""Room for a reason in a close frame (RFC 6455, sections 5.5 and 5.5.1)."""


class CloseCode(IntEnum):
    NORMAL = 1000
    INVALID_ARGUMENT = 1007
    POLICY = 1008
    INTERNAL = 1011


class Refused(Exception):
    """The session ends with this code and reason; `detail` is the reason before it was cut."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.detail = reason

    @property
    def reason(self) -> str:
        return self.detail.encode()[:_REASON_BYTES].decode(errors="ignore")


def invalid(reason: str) -> Refused:
    return Refused(CloseCode.INVALID_ARGUMENT, reason)

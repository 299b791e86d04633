"""The entries that Twilio's debugger would show for a call.

Codes and levels: Twilio's error dictionary (https://www.twilio.com/docs/api/errors).
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class AlertLevel(StrEnum):
    ERROR = "error"
    WARNING = "warning"


class AlertCode(IntEnum):
    HTTP_RETRIEVAL_FAILURE = 11200
    HTTP_CONNECTION_FAILURE = 11205
    RESPONSE_TOO_LARGE = 11750
    DOCUMENT_PARSE_FAILURE = 12100
    ROOT_IS_NOT_RESPONSE = 12102
    SCHEMA_WARNING = 12200
    INVALID_CONTENT_TYPE = 12300
    DIAL_FROM_DIALLED_CALL = 13201
    DIAL_INVALID_METHOD = 13210
    DIAL_INVALID_TIMEOUT = 13212
    DIAL_INVALID_CALLER_ID = 13214
    DIAL_INVALID_ELEMENT = 13215
    DIAL_INVALID_TIME_LIMIT = 13216
    NUMBER_INVALID_METHOD = 13221
    NUMBER_INVALID_DIGITS = 13222
    DIAL_INVALID_NUMBER = 13224
    GATHER_INVALID_FINISH_KEY = 13310
    GATHER_INVALID_METHOD = 13312
    GATHER_INVALID_TIMEOUT = 13313
    GATHER_INVALID_NUM_DIGITS = 13314
    GATHER_INVALID_ELEMENT = 13320
    PLAY_INVALID_CONTENT_TYPE = 13420
    STATUS_CALLBACK_FAILED = 15003
    STREAM_CONNECT_TIMEOUT = 31901
    STREAM_CONNECTION_REFUSED = 31902
    STREAM_BROKEN_PIPE = 31903
    STREAM_TLS_FAILURE = 31910
    STREAM_HANDSHAKE_FAILED = 31920
    STREAM_CLOSED_BY_SERVER = 31921
    STREAM_URL_NOT_WSS = 31922
    STREAM_WEBSOCKET_PROTOCOL = 31924
    STREAM_CONGESTED = 31930
    STREAM_BUFFER_FULL = 31931
    STREAM_INVALID_TRACK = 31941
    STREAM_BINARY_MESSAGE = 31950
    STREAM_INVALID_MESSAGE = 31951

    @property
    def level(self) -> AlertLevel:
        return AlertLevel.WARNING if self in _WARNINGS else AlertLevel.ERROR


_WARNINGS = frozenset(
    {
        AlertCode.SCHEMA_WARNING,
        AlertCode.DIAL_INVALID_METHOD,
        AlertCode.DIAL_INVALID_TIMEOUT,
        AlertCode.DIAL_INVALID_CALLER_ID,
        AlertCode.DIAL_INVALID_ELEMENT,
        AlertCode.DIAL_INVALID_TIME_LIMIT,
        AlertCode.NUMBER_INVALID_METHOD,
        AlertCode.NUMBER_INVALID_DIGITS,
        AlertCode.GATHER_INVALID_FINISH_KEY,
        AlertCode.GATHER_INVALID_METHOD,
        AlertCode.GATHER_INVALID_TIMEOUT,
        AlertCode.GATHER_INVALID_NUM_DIGITS,
        AlertCode.GATHER_INVALID_ELEMENT,
        AlertCode.STATUS_CALLBACK_FAILED,
        AlertCode.STREAM_CONGESTED,
        AlertCode.STREAM_BUFFER_FULL,
        AlertCode.STREAM_BINARY_MESSAGE,
        AlertCode.STREAM_INVALID_MESSAGE,
    }
)


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert; `detail` says what was observed, to help you find the cause."""

    code: AlertCode
    detail: str

    def __str__(self) -> str:
        return f"{int(self.code)} {self.code.name.lower()} ({self.code.level}): {self.detail}"

"""How to request a webhook, and how to judge its response; no I/O.

Rules: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides and Twilio's
error dictionary for 11200, 11205, 11750, 12300.
"""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl, urldefrag

from .alerts import Alert, AlertCode

Params = tuple[tuple[str, str], ...]

MAX_TWIML_BYTES = 64 * 1024
TWIML_CONTENT_TYPES = frozenset({"text/xml", "application/xml", "text/html"})


class Failure(StrEnum):
    """Why an attempt failed, as a retry policy (`rp`) puts it."""

    CONNECT = "ct"
    READ_TIMEOUT = "rt"
    CLIENT_ERROR = "4xx"
    SERVER_ERROR = "5xx"


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """Timeouts and retries of one webhook URL; the defaults are Twilio's."""

    connect_ms: int = 5_000
    read_ms: int = 15_000
    total_ms: int = 15_000
    retries: int = 1
    retry_on: frozenset[Failure] = frozenset({Failure.CONNECT})

    def overridden_by(self, url: str) -> "ConnectionSettings":
        """These settings with those in the URL's fragment (`#ct=2000&rc=2&rp=ct,5xx`) applied.

        Values outside Twilio's range are clamped to it; unknown keys are ignored.
        """
        given = dict(parse_qsl(urldefrag(url).fragment))
        return ConnectionSettings(
            connect_ms=_bounded(given.get("ct"), 100, 10_000, self.connect_ms),
            read_ms=_bounded(given.get("rt"), 100, 15_000, self.read_ms),
            total_ms=_bounded(given.get("tt"), 100, 15_000, self.total_ms),
            retries=_bounded(given.get("rc"), 0, 5, self.retries),
            retry_on=_policy(given["rp"]) if "rp" in given else self.retry_on,
        )


def _bounded(text: str | None, low: int, high: int, default: int) -> int:
    if text is None or not text.isdigit():
        return default
    return min(max(int(text), low), high)


def _policy(text: str) -> frozenset[Failure]:
    words = set(text.split(","))
    return frozenset(Failure) if "all" in words else frozenset(f for f in Failure if f in words)


@dataclass(frozen=True, slots=True)
class Webhook:
    """A URL that Twilio requests, and the method to use."""

    url: str
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Response:
    """The parts of an HTTP response that matter to Twilio; `content_type` has no parameters."""

    status: int
    content_type: str | None
    body: bytes


def failure_of(status: int) -> Failure | None:
    """The kind of failure that an HTTP status means, or None for success."""
    if status < 400:
        return None
    return Failure.CLIENT_ERROR if status < 500 else Failure.SERVER_ERROR


def judge_document(url: str, response: Response) -> str | Alert:
    """Return the TwiML in a response, or the alert that says why Twilio would reject it."""
    if not 200 <= response.status < 300:
        detail = f"{url} responded with status {response.status}"
        return Alert(AlertCode.HTTP_RETRIEVAL_FAILURE, detail)
    if response.content_type is None:
        return Alert(AlertCode.HTTP_RETRIEVAL_FAILURE, f"{url} responded without a Content-Type")
    if response.content_type not in TWIML_CONTENT_TYPES:
        detail = f"{url} responded with Content-Type {response.content_type}, not XML"
        return Alert(AlertCode.INVALID_CONTENT_TYPE, detail)
    if len(response.body) > MAX_TWIML_BYTES:
        detail = f"{url} responded with {len(response.body)} bytes; the limit is {MAX_TWIML_BYTES}"
        return Alert(AlertCode.RESPONSE_TOO_LARGE, detail)
    try:
        return response.body.decode("utf-8")
    except UnicodeDecodeError as error:
        return Alert(AlertCode.DOCUMENT_PARSE_FAILURE, f"{url} is not UTF-8: {error}")

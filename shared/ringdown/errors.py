"""The error tree: whose fault each error is, and how it is handled.

RingdownError
├── ConfigurationError    ops': the process says what to set and doesn't start
├── Conflict              no one's: two edits at once; the second writer reads again and decides
├── InvalidDocument       ops': the last good document is used instead, and the reason is shown
├── NoCredentials         ops': the request to Google isn't sent, and the reason is logged
├── RecordingsOutOfReach  ops': the caller can't be erased until RECORDINGS is set
├── StoreUnavailable      the store's: retried; calls continue without it, and records wait
├── Superseded            ours: another attempt holds the call; this one stops writing
└── TokenRefused          the peer's: the stream is closed before anything is dialled
"""

from collections.abc import Sequence


class RingdownError(Exception):
    """Base of every error that Ringdown raises on purpose."""


class ConfigurationError(RingdownError):
    """Settings are missing or malformed; `problems` lists them and says what to set."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(("Ringdown can't start:", *(f"  {p}" for p in problems))))


class Conflict(RingdownError):
    """The document has changed since it was read, so nothing was written."""


class InvalidDocument(RingdownError):
    """A stored document doesn't fit its record; the message names the field."""


class NoCredentials(RingdownError):
    """The process has no Google credentials, or they yield no token; the message says why."""


class RecordingsOutOfReach(RingdownError):
    """A caller's calls were recorded, but this process doesn't know where. Once the calls' records
    are erased, the recordings can't be found any more."""

    def __init__(self) -> None:
        super().__init__(
            "This caller's calls were recorded, but this process doesn't know where. Set RECORDINGS"
            " to gs://BUCKET, the same as for the stream handler, then forget the caller again."
        )


class StoreUnavailable(RingdownError):
    """The store didn't answer in time, or failed in a way that may be temporary."""


class Superseded(RingdownError):
    """A write came from an attempt that no longer holds the call."""


class TokenRefused(RingdownError):
    """A stream token is malformed, forged, expired or for another call."""

"""The error tree: whose fault it is, and what is done about it.

RingdownError
├── ConfigurationError    ops': the process says what to set and doesn't start
├── Conflict              no one's: two edits at the same time; the second reads again, and decides
├── InvalidDocument       ops': the last good document is used instead, the reason is shown
├── NoCredentials         ops': what needed Google's REST APIs isn't done, and is logged
├── RecordingsOutOfReach  ops': erasing the caller stops until RECORDINGS says where they are
├── StoreUnavailable      the store's: retried; calls continue without it, and records wait
├── Superseded            ours: another attempt holds the call; this one stops writing
└── TokenRefused          the peer's: the stream is closed before anything is dialled
"""

from collections.abc import Sequence


class RingdownError(Exception):
    """Base of every error that Ringdown raises on purpose."""


class ConfigurationError(RingdownError):
    """Settings are missing or malformed; `problems` names each with what to set."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(("Ringdown can't start:", *(f"  {p}" for p in problems))))


class Conflict(RingdownError):
    """The document was changed since it was read; nothing was written."""


class InvalidDocument(RingdownError):
    """A stored document doesn't fit its record; the message names the field."""


class NoCredentials(RingdownError):
    """The process has no Google credentials, or they yield no token; the message says why."""


class RecordingsOutOfReach(RingdownError):
    """A caller's calls were recorded, but it isn't known where; without the calls' records, the
    recordings could never be found again."""

    def __init__(self) -> None:
        super().__init__(
            "Calls of this caller were recorded, but it isn't known where. Set RECORDINGS to"
            " gs://BUCKET, the same as for the stream handler, and forget the caller again."
        )


class StoreUnavailable(RingdownError):
    """The store didn't answer in time, or refused for a reason that may pass."""


class Superseded(RingdownError):
    """A write came from an attempt that no longer holds the call."""


class TokenRefused(RingdownError):
    """A stream token is malformed, forged, expired or for another call."""

"""Flight records: what happened to each stream of a call, so that it can be replayed.

A record is bytes that the stream handler writes and reads (`stream_handler.record`). It contains
what was said, so it is stored next to the call's turns, for as long and with the same access.
"""

import zlib
from collections.abc import Iterable
from typing import Protocol

import msgspec

MOST_BYTES = 64_000_000
"""The limit for an unpacked record; a longer one is damaged."""
_PART_BYTES = 500_000  # as text, two thirds of a Firestore document (1 MiB)


class FlightPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an attempt's record (`calls/{sid}/flights/{attempt}-{part}`)."""

    attempt: int
    part: int
    """From 1 to `of`."""
    of: int
    body: bytes


class FlightStore(Protocol):
    """Stores flight records. Raises StoreUnavailable when the store doesn't answer."""

    async def keep_flight(self, call_sid: str, parts: tuple[FlightPart, ...]) -> None:
        """Write the parts next to the call's turns; do nothing if the call is unknown.

        It doesn't matter which handler has the call now, because each attempt has its own record.
        """

    async def read_flights(self, call_sid: str) -> tuple[FlightPart, ...]:
        """Return all parts of all attempts, in order."""


class DamagedFlight(Exception):
    """The parts don't make up a record; the message says why."""


def pack(attempt: int, record: bytes) -> tuple[FlightPart, ...]:
    """Pack `record` into parts. Takes milliseconds, so don't call it on an event loop."""
    packed = zlib.compress(record)
    bodies = [packed[at : at + _PART_BYTES] for at in range(0, len(packed), _PART_BYTES)]
    return tuple(
        FlightPart(attempt=attempt, part=n, of=len(bodies), body=body)
        for n, body in enumerate(bodies, start=1)
    )


def unpack(parts: Iterable[FlightPart]) -> bytes:
    """Put the parts of one attempt back together; raise DamagedFlight if they don't fit."""
    found = {part.part: part for part in parts}
    of = max((part.of for part in found.values()), default=0)
    missing = [n for n in range(1, of + 1) if n not in found]
    if missing or not of:
        raise DamagedFlight(f"part {missing[0] if missing else 1} of {of or 1} is missing")
    unpacking = zlib.decompressobj()
    try:
        record = unpacking.decompress(b"".join(found[n].body for n in range(1, of + 1)), MOST_BYTES)
    except zlib.error as error:
        raise DamagedFlight(str(error)) from None
    if not unpacking.eof:
        raise DamagedFlight("its end is missing")
    return record

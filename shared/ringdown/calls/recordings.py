"""Recordings of calls: the sound of both sides, kept in parts during the call.

Each part is a WAV file, µ-law at 8 kHz, with the caller on the left and the agent on the right. Its
name says where it belongs, so a list of names is enough to join the parts.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ringdown.tools import Json

SAMPLES_PER_MS = 8
SILENCE = b"\xff"
"""A silent µ-law sample."""

_SIDES = 2
_HEADER = struct.Struct("<4sI4s4sIHHIIHHH4sII4sI")
_MULAW = 7  # WAVE_FORMAT_MULAW


@dataclass(frozen=True, slots=True)
class RecordingPart:
    """The sound of both sides, equally long, starting `offset_ms` after the ring."""

    attempt: int
    number: int
    """Counts the parts of an attempt from 1."""
    offset_ms: int
    caller: bytes
    agent: bytes

    @property
    def kept(self) -> "KeptPart":
        return KeptPart(self.attempt, self.number, self.offset_ms, len(self.caller))

    def wav(self) -> bytes:
        sound = bytearray(_SIDES * len(self.caller))
        sound[0::2], sound[1::2] = self.caller, self.agent
        hz = 1_000 * SAMPLES_PER_MS
        head = _HEADER.pack(
            *(b"RIFF", _HEADER.size - 8 + len(sound), b"WAVE"),
            *(b"fmt ", 18, _MULAW, _SIDES, hz, _SIDES * hz, _SIDES, 8, 0),
            *(b"fact", 4, len(self.caller)),
            *(b"data", len(sound)),
        )
        return head + sound


@dataclass(frozen=True, slots=True, order=True)
class KeptPart:
    """A stored part. Sorting parts puts them in order of time."""

    attempt: int
    number: int
    offset_ms: int
    samples: int

    @property
    def name(self) -> str:
        return f"{self.attempt:03}-{self.number:04}-{self.offset_ms:08}.wav"


def kept_part(name: str, size: int) -> KeptPart | None:
    """Return the part in a file or object with this name and size; None if it isn't a part."""
    fields = name.removesuffix(".wav").split("-")
    if not all(field.isascii() and field.isdigit() for field in fields) or size < _HEADER.size:
        return None
    if len(fields) != len(("attempt", "number", "offset_ms")):
        return None
    attempt, number, offset_ms = map(int, fields)
    part = KeptPart(attempt, number, offset_ms, (size - _HEADER.size) // _SIDES)
    return part if part.name == name else None


def sound_of(wav: bytes) -> bytes:
    """Return the µ-law bytes in a part's file, with the sides interleaved."""
    return wav[_HEADER.size :]


def may_be_recorded(call: Mapping[str, Json]) -> bool:
    """Whether the call in this document may have a recording."""
    agent = call.get("agent")
    return not isinstance(agent, dict) or bool(agent.get("record"))


class RecordingStore(Protocol):
    """Stores recordings. Every method raises StoreUnavailable if the store doesn't answer."""

    async def keep_part(self, call_sid: str, part: RecordingPart) -> None:
        """Write a part. Repeating it changes nothing."""

    async def list_parts(self, call_sid: str) -> tuple[KeptPart, ...]:
        """Return the parts in order; empty if the call wasn't recorded."""

    async def read_part(self, call_sid: str, part: KeptPart) -> bytes:
        """Return the part's file; empty if it is gone."""

    async def erase_recording(self, call_sid: str) -> bool:
        """Erase the call's recording, and return whether there was one."""

    async def close(self) -> None: ...

"""Joins the parts of a call's recording into one WAV file: PCM16 at 8 kHz, the caller on the left.

The list of parts is enough to know the file's size, so any range can be read without the rest.
"""

import asyncio
import itertools
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import numpy as np

from ringdown.audio.telephone import PHONE_HZ, Pcm, decode_mulaw
from ringdown.calls.recordings import SAMPLES_PER_MS, KeptPart, RecordingStore, sound_of

_SIDES = 2
_SAMPLE_BYTES = 2 * _SIDES
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM = 1  # WAVE_FORMAT_PCM
_READ_AT_ONCE = 8
_SILENCE_AT_ONCE = PHONE_HZ


@dataclass(frozen=True, slots=True)
class _Span:
    """The samples of the recording that a part fills; `part` is None for a gap."""

    part: KeptPart | None
    starts: int
    ends: int


class RecordedSound:
    """A call's recording, silent where parts are missing."""

    def __init__(
        self, recordings: RecordingStore, call_sid: str, parts: Sequence[KeptPart]
    ) -> None:
        """`parts` must not be empty."""
        self._recordings = recordings
        self._call_sid = call_sid
        self.began_ms = min(part.offset_ms for part in parts)
        """When the recording began, in ms since the ring."""
        self._spans = _spans(parts, self.began_ms)
        self._samples = self._spans[-1].ends

    @property
    def duration_ms(self) -> int:
        return self._samples // SAMPLES_PER_MS

    @property
    def wav_bytes(self) -> int:
        return _HEADER.size + self._samples * _SAMPLE_BYTES

    async def wav(self, first: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes of the WAV file from `first` until just before `end`.

        Raises StoreUnavailable.
        """
        end = self.wav_bytes if end is None else min(end, self.wav_bytes)
        if first < _HEADER.size:
            yield self._header()[first:end]
        first, end = max(first - _HEADER.size, 0), max(end - _HEADER.size, 0)
        skipped = first % _SAMPLE_BYTES
        async for sound in self._sound(first // _SAMPLE_BYTES, -(-end // _SAMPLE_BYTES)):
            piece = sound[skipped : skipped + end - first]
            skipped = 0
            first += len(piece)
            yield piece

    async def sides(self) -> tuple[Pcm, Pcm]:
        """Return all the samples of the caller, and of the agent."""
        sound = b"".join([piece async for piece in self._sound(0, self._samples)])
        both = np.frombuffer(sound, "<i2").reshape(-1, _SIDES)
        return both[:, 0], both[:, 1]

    async def _sound(self, first: int, end: int) -> AsyncIterator[bytes]:
        """Yield PCM16 in whole samples, with both sides interleaved."""
        wanted = [span for span in self._spans if span.starts < end and span.ends > first]
        for begin in range(0, len(wanted), _READ_AT_ONCE):
            batch = wanted[begin : begin + _READ_AT_ONCE]
            bodies = await asyncio.gather(*(self._read(span) for span in batch))
            for span, body in zip(batch, bodies, strict=True):
                starts, ends = max(first, span.starts), min(end, span.ends)
                heard = body[
                    (starts - span.starts) * _SAMPLE_BYTES : (ends - span.starts) * _SAMPLE_BYTES
                ]
                if heard:
                    yield heard
                missing = ends - starts - len(heard) // _SAMPLE_BYTES
                while missing:
                    silent = min(missing, _SILENCE_AT_ONCE)
                    yield bytes(silent * _SAMPLE_BYTES)
                    missing -= silent

    async def _read(self, span: _Span) -> bytes:
        if span.part is None:
            return b""
        mulaw = sound_of(await self._recordings.read_part(self._call_sid, span.part))
        return decode_mulaw(mulaw).astype("<i2").tobytes()

    def _header(self) -> bytes:
        sound = self._samples * _SAMPLE_BYTES
        return _HEADER.pack(
            *(b"RIFF", _HEADER.size - 8 + sound, b"WAVE"),
            *(b"fmt ", 16, _PCM, _SIDES, PHONE_HZ, PHONE_HZ * _SAMPLE_BYTES, _SAMPLE_BYTES, 16),
            *(b"data", sound),
        )


async def recorded_sound(recordings: RecordingStore | None, call_sid: str) -> RecordedSound | None:
    """Find a call's recording; None if there isn't one. Raises StoreUnavailable."""
    parts = () if recordings is None else await recordings.list_parts(call_sid)
    if recordings is None or not parts:
        return None
    return RecordedSound(recordings, call_sid, parts)


def _spans(parts: Sequence[KeptPart], began_ms: int) -> list[_Span]:
    """Work out which part fills which samples. A part that lasts too long by its own clock is cut
    off where the next one begins."""
    starts = [(part.offset_ms - began_ms) * SAMPLES_PER_MS for part in parts]
    starts = list(itertools.accumulate(starts, max))
    spans: list[_Span] = []
    at = 0
    for part, begins, following in zip(parts, starts, [*starts[1:], None], strict=True):
        if begins > at:
            spans.append(_Span(None, at, begins))
        ends = begins + part.samples
        if following is not None:
            ends = min(ends, following)
        spans.append(_Span(part, begins, ends))
        at = ends
    return spans

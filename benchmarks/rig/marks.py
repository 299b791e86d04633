"""Marks in audio: bursts of tone in silence, which can be located to the sample.

A burst begins at the crest of its tone, so its first sample is loud. Bursts come about every half
second, never at the same place in a frame for long. Their tones rotate through eight, so for four
seconds no burst can be mistaken for another.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulators.speech.pcm import Pcm

PHONE_HZ = 8_000
TONES_HZ = (600, 800, 1_000, 1_250, 1_500, 1_750, 2_000, 2_400)
BURST_MS = 40
EVERY_MS = 500
LOOP_MS = 2 * len(TONES_HZ) * EVERY_MS

_LATEST_MS = 300  # within its half second; the silence after it makes the next onset clear
_CREST = 12_000
_LOUD = 4_000  # above a filter's ripple before an onset, and above ringback
_QUIET_MS = 10  # before an onset; a tone is loud again after 1.7 ms at most
_NAMED_BY_MS = 10
_NEVER = -(1 << 40)


@dataclass(frozen=True, slots=True)
class Mark:
    """A burst that begins `offset` samples into a piece of audio."""

    tone: int
    offset: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A frame or chunk of the marked audio."""

    pcm: Pcm
    mark: Mark | None
    begins_in_burst: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """A burst that arrived: when its first sample did, and how many samples came before it."""

    tone: int
    at_s: float
    position: int


def marked_pieces(rate_hz: int, piece_ms: int, seed: int) -> tuple[Piece, ...]:
    """Return eight seconds of marked audio in pieces, to be repeated as long as needed.

    The same `seed` marks the same places at any rate, which must be a multiple of 8 kHz.
    """
    pcm = np.zeros(LOOP_MS * rate_hz // 1000, np.int16)
    bursts = {start * (rate_hz // PHONE_HZ): tone for start, tone in _places(seed)}
    for start, tone in bursts.items():
        burst = _burst(tone, rate_hz)
        pcm[start : start + len(burst)] = burst
    size = piece_ms * rate_hz // 1000
    return tuple(_piece(pcm, start, size, bursts, rate_hz) for start in range(0, len(pcm), size))


class BurstDetector:
    """Finds bursts in a stream, however it is split into messages."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._quiet = _QUIET_MS * rate_hz // 1000
        self._tones = _tone_matrix(rate_hz)
        self._last_loud = _NEVER
        self._onset: tuple[float, int] | None = None
        self._sound = np.empty(0, np.int16)
        self.position = 0
        """How many samples have been processed."""

    def forget_onset(self) -> None:
        """Forget the burst in progress, because the sound breaks off here."""
        self._onset = None
        self._last_loud = _NEVER

    def take(self, samples: Pcm, at_s: float) -> list[Heard]:
        """Return the bursts that these samples complete; `at_s` is the time of the first sample."""
        heard: list[Heard] = []
        if self._onset is not None:
            heard.extend(self._named(samples))
        loud = samples > _LOUD
        if loud.any():
            for index in self._onsets(loud.nonzero()[0]):
                self._onset = (at_s + index / self._rate_hz, self.position + index)
                self._sound = np.empty(0, np.int16)
                heard.extend(self._named(samples[index:]))
        self.position += len(samples)
        return heard

    def _onsets(self, loud: npt.NDArray[np.int64]) -> list[int]:
        """Return the loud samples that follow a silence."""
        positions = loud + self.position
        before = np.concatenate(([self._last_loud], positions[:-1]))
        self._last_loud = int(positions[-1])
        onsets: list[int] = loud[positions - before > self._quiet].tolist()
        return onsets

    def _named(self, samples: Pcm) -> Iterator[Heard]:
        """Yield the burst in progress, once enough of it has arrived to identify its tone."""
        needed = self._tones.shape[1]
        self._sound = np.concatenate((self._sound, samples[: needed - len(self._sound)]))
        if self._onset is not None and len(self._sound) == needed:
            at_s, position = self._onset
            self._onset = None
            yield Heard(int(np.abs(self._tones @ self._sound).argmax()), at_s, position)


def _places(seed: int) -> Iterator[tuple[int, int]]:
    """Yield where each burst of the loop begins, in samples at 8 kHz, and its tone."""
    dice = random.Random(seed)  # noqa: S311 - the same for every target
    for n in range(LOOP_MS // EVERY_MS):
        place = n * EVERY_MS * PHONE_HZ // 1000 + dice.randrange(_LATEST_MS * PHONE_HZ // 1000)
        yield place, n % len(TONES_HZ)


def _burst(tone: int, rate_hz: int) -> Pcm:
    seconds = np.arange(BURST_MS * rate_hz // 1000) / rate_hz
    return (_CREST * np.cos(2 * np.pi * TONES_HZ[tone] * seconds)).astype(np.int16)


def _piece(pcm: Pcm, start: int, size: int, bursts: dict[int, int], rate_hz: int) -> Piece:
    marks = [Mark(tone, at - start) for at, tone in bursts.items() if start <= at < start + size]
    length = BURST_MS * rate_hz // 1000
    begins_in_burst = any(at < start < at + length for at in bursts)
    return Piece(pcm[start : start + size], marks[0] if marks else None, begins_in_burst)


def _tone_matrix(rate_hz: int) -> npt.NDArray[np.complex128]:
    """Return a row per tone, whose product with a sound says how much of the tone is in it."""
    seconds = np.arange(_NAMED_BY_MS * rate_hz // 1000) / rate_hz
    matrix: npt.NDArray[np.complex128] = np.exp(-2j * np.pi * np.outer(TONES_HZ, seconds))
    return matrix

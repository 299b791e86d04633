"""Finds a sentence in a recording, by cross-correlation of band-limited signals."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulators.speech.pcm import Pcm, Signal
from simulators.speech.resampling import resample

WORK_HZ = 8_000
_BAND_HZ = (200.0, 3_400.0)
_EDGE_HZ = 100.0
_FINE_STEPS = 16
"""Positions tried per sample: half a sample off, a 3 kHz sound would no longer correlate."""
_NEIGHBOURS = 16
_REGION = WORK_HZ // 50
_QUIET_SHARE = 1e-3
_REPEAT_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Location:
    """Where a sentence was found: `start` is in whole samples at WORK_HZ.

    The true start is `start + fraction`; `correlation` is that of the whole sentence.
    """

    start: int
    fraction: float
    correlation: float


class Recording:
    """Received audio made searchable: 8 kHz, 200 to 3 400 Hz, with silence around it."""

    def __init__(self, pcm: Pcm, rate_hz: int, *, longest: int) -> None:
        """`longest` is the most samples (at WORK_HZ) of any sentence to search for."""
        self.margin = longest
        self.signal = np.pad(band_limit(pcm, rate_hz), longest)
        self._size = 1 << (len(self.signal) + longest).bit_length()
        self._spectrum = np.fft.rfft(self.signal, self._size)
        self._energy = np.concatenate(([0.0], np.cumsum(self.signal**2)))

    def locate(self, sentence: Signal, *, not_before: int = 0) -> Location:
        """Find the first place at or after `not_before` that fits about as well as the best one."""
        fits = self._correlations(sentence)
        first = min(not_before + self.margin, len(fits) - 1)
        near_best = first + int(np.argmax(fits[first:] >= _REPEAT_SHARE * fits[first:].max()))
        # The peak of the first good region, not its edge.
        summit = near_best + int(np.argmax(fits[near_best : near_best + _REGION]))
        return Location(summit - self.margin, _fraction(fits, summit), float(fits[summit]))

    def part(self, start: int, length: int) -> Signal:
        """Return `length` samples from `start`, with silence beyond the ends of the recording."""
        begin = start + self.margin
        piece = self.signal[max(begin, 0) : max(begin + length, 0)]
        missing_before = min(max(-begin, 0), length)
        return np.pad(piece, (missing_before, length - missing_before - len(piece)))

    def _correlations(self, sentence: Signal) -> npt.NDArray[np.float64]:
        spectrum = np.fft.rfft(sentence, self._size)
        count = len(self.signal) - len(sentence) + 1
        products = np.fft.irfft(self._spectrum * spectrum.conj(), self._size)[:count]
        energy = self._energy[len(sentence) :] - self._energy[:count]
        energy = np.maximum(energy, _QUIET_SHARE * max(float(energy.max()), 1.0))
        fits: npt.NDArray[np.float64] = products / np.sqrt(energy * max(sentence @ sentence, 1.0))
        return fits


def _fraction(fits: npt.NDArray[np.float64], summit: int) -> float:
    """Find the true peak between samples, by band-limited interpolation."""
    steps = np.arange(-_FINE_STEPS, _FINE_STEPS + 1) / _FINE_STEPS
    offsets = np.arange(-_NEIGHBOURS, _NEIGHBOURS + 1)
    distances = steps[:, np.newaxis] - offsets[np.newaxis, :]
    weights = np.sinc(distances) * np.cos(np.pi * distances / (2 * _NEIGHBOURS + 3))
    padded = np.pad(fits, _NEIGHBOURS)[summit : summit + 2 * _NEIGHBOURS + 1]
    return float(steps[np.argmax(weights @ padded)])


def shift(signal: Signal, delay: float) -> Signal:
    """Delay `signal` by a fraction of a sample; exact because it is band-limited."""
    if delay == 0:
        return signal
    spectrum = np.fft.rfft(signal)
    turns = np.arange(len(spectrum)) * delay / len(signal)
    return np.fft.irfft(spectrum * np.exp(-2j * np.pi * turns), len(signal))


def band_limit(pcm: Pcm, rate_hz: int) -> Signal:
    """Resample `pcm` to WORK_HZ and limit it to 200 to 3 400 Hz, without delay."""
    signal = resample(pcm, from_hz=rate_hz, to_hz=WORK_HZ).astype(np.float64)
    size = 1 << (len(signal) + WORK_HZ // 10).bit_length()
    frequencies = np.fft.rfftfreq(size, 1 / WORK_HZ)
    low, high = _BAND_HZ
    above_low = np.clip((frequencies - low) / _EDGE_HZ + 1, 0, 1)
    below_high = np.clip((high - frequencies) / _EDGE_HZ + 1, 0, 1)
    spectrum = np.fft.rfft(signal, size) * above_low * below_high
    return np.fft.irfft(spectrum, size)[: len(signal)]

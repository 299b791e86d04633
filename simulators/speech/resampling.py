"""Changes the sampling rate of a whole recording, without aliasing or delay."""

from functools import lru_cache
from math import gcd

import numpy as np

from simulators.speech.pcm import Pcm, Signal, to_pcm

_STOPBAND_DB = 70.0
_PASSBAND = 0.425
"""Edge of the passband as a share of the lower rate: 3 400 Hz at 8 kHz (ITU-T G.712)."""
_STOPBAND = 0.5


def resample(pcm: Pcm, *, from_hz: int, to_hz: int) -> Pcm:
    """Resample `pcm`; flat up to 0.425 of the lower rate, and at -70 dB from half of it up.

    The result has ceil(len(pcm) * to_hz / from_hz) samples and begins at the same instant.
    """
    if from_hz == to_hz or not len(pcm):
        return pcm.copy()
    return to_pcm(_polyphase(pcm.astype(np.float64), from_hz, to_hz))


def _polyphase(signal: Signal, from_hz: int, to_hz: int) -> Signal:
    up, down = to_hz // gcd(from_hz, to_hz), from_hz // gcd(from_hz, to_hz)
    taps = _taps(from_hz, to_hz)
    width = taps.shape[1]
    before = width // 2 - 1
    padded = np.pad(signal, (before, width))
    windows = np.lib.stride_tricks.sliding_window_view(padded, width)
    length = -(-len(signal) * up // down)
    result = np.empty(length)
    for first in range(min(up, length)):
        start, phase = divmod(first * down, up)
        count = len(range(first, length, up))
        result[first::up] = windows[start : start + count * down : down][:count] @ taps[phase]
    return result


@lru_cache(maxsize=32)
def _taps(from_hz: int, to_hz: int) -> Signal:
    """One row of taps for each of the `up` positions between two input samples.

    Kaiser's formulas give the window and its length from the attenuation and transition wanted.
    """
    up = to_hz // gcd(from_hz, to_hz)
    lower_hz = min(from_hz, to_hz)
    transition_hz = (_STOPBAND - _PASSBAND) * lower_hz
    cutoff = (_STOPBAND + _PASSBAND) * lower_hz / from_hz  # 1.0 is half the input rate
    beta = 0.1102 * (_STOPBAND_DB - 8.7)
    width = (_STOPBAND_DB - 8) / (2.285 * 2 * np.pi * transition_hz / from_hz)
    half = int(np.ceil(width / 2)) + 1
    offsets = np.arange(1 - half, half + 1)
    times = offsets[np.newaxis, :] - np.arange(up)[:, np.newaxis] / up
    inside = np.clip(1 - (times / half) ** 2, 0, None)
    taps = np.sinc(cutoff * times) * np.i0(beta * np.sqrt(inside))
    normalised: Signal = taps / taps.sum(axis=1, keepdims=True)
    return normalised

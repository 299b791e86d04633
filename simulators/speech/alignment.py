"""Checks whether a sentence arrived intact, by comparing samples window by window.

Recognition can't tell: it still understands a sentence with a third of its frames removed. This
check requires every 50 ms of speech to be present and in place, and pauses to be silent.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulators.speech.location import WORK_HZ, Location, Recording, band_limit, shift
from simulators.speech.pcm import Pcm, Signal

_WINDOW = WORK_HZ // 20
_HOP = WORK_HZ // 40
_SEARCH = WORK_HZ // 25
_HEAD = WORK_HZ
_VOICED_DB = -35.0
"""Relative to the loudest window; below this, µ-law's own noise begins to matter."""
_QUIET_DB = -25.0
"""The loudest sound allowed in the sentence's pauses, relative to the loudest window."""
_INTACT_CORRELATION = 0.95
_FOUND_CORRELATION = 0.5


@dataclass(frozen=True, slots=True)
class Alignment:
    """How a sentence arrived.

    offset_ms          where it begins in the received audio
    correlation        of the whole sentence at that place, 0 to 1
    worst_window       lowest correlation of any 50 ms of speech
    lag_drift_samples  the furthest any speech is from its place (8 kHz samples; up to 40 ms)
    intact_ms          how much arrived intact from the beginning, to about 25 ms
    intact             whether the whole sentence did
    why                what is wrong and where, in one line for people
    """

    offset_ms: float
    correlation: float
    worst_window: float
    lag_drift_samples: int
    intact_ms: float
    intact: bool
    why: str


@dataclass(frozen=True, slots=True)
class _Windows:
    """One entry per window of the sentence."""

    voiced: npt.NDArray[np.bool_]
    fits: npt.NDArray[np.float64]
    good: npt.NDArray[np.bool_]


def align(source: Pcm, received: Pcm, *, rate_hz: int, received_hz: int | None = None) -> Alignment:
    """Find `source` in `received` (which may be much longer) and compare.

    Gain, delay and a telephone's band limit don't count as damage; missing, added, moved or
    distorted speech does. `received_hz` is the rate of `received` if it differs.
    """
    return find_in_order([source], received, rate_hz=rate_hz, received_hz=received_hz)[0]


def find_in_order(
    sources: Sequence[Pcm], received: Pcm, *, rate_hz: int, received_hz: int | None = None
) -> list[Alignment]:
    """Align each of `sources` with the recording of a whole call, in this order.

    If a sentence isn't found as a whole, its first second is searched for (it may have been cut
    off). If that isn't found either, the search for the next one starts where this one did.
    """
    sentences = [band_limit(source, rate_hz) for source in sources]
    longest = max((len(sentence) for sentence in sentences), default=0)
    recording = Recording(received, received_hz or rate_hz, longest=longest)
    alignments: list[Alignment] = []
    position = -longest
    for sentence in sentences:
        location = recording.locate(sentence, not_before=position)
        if location.correlation < _FOUND_CORRELATION:
            head = recording.locate(sentence[:_HEAD], not_before=position)
            location = max(location, head, key=lambda found: found.correlation)
        alignment = _judge(sentence, recording, location)
        alignments.append(alignment)
        if alignment.correlation >= _FOUND_CORRELATION or alignment.intact_ms:
            position = location.start + max(round(alignment.intact_ms * WORK_HZ / 1000), _HOP)
    return alignments


def cut(received: Pcm, alignment: Alignment, *, received_hz: int, duration_ms: float) -> Pcm:
    """Return the part of `received` that holds the aligned sentence."""
    start = max(round(alignment.offset_ms * received_hz / 1000), 0)
    return received[start : start + round(duration_ms * received_hz / 1000)]


def _judge(sentence: Signal, recording: Recording, location: Location) -> Alignment:
    reference = shift(sentence, location.fraction)
    heard = recording.part(location.start, len(sentence))
    windows = _compare(reference, heard)
    worst = float(windows.fits[windows.voiced].min()) if windows.voiced.any() else 0.0
    correlation = _correlation(reference, heard)
    intact = bool(windows.voiced.any() and windows.good.all())
    intact_ms = _intact_ms(windows, len(sentence))
    lags = [0]
    if intact:
        why = "intact"
    elif correlation < _FOUND_CORRELATION and not intact_ms:
        why = f"not found: the best match is only {location.correlation:.2f} similar"
    else:
        lags = _lags(windows, reference, recording, location.start)
        why = _explain(windows, lags)
    return Alignment(
        offset_ms=(location.start + location.fraction) * 1000 / WORK_HZ,
        correlation=correlation,
        worst_window=worst,
        lag_drift_samples=max(abs(lag) for lag in lags),
        intact_ms=intact_ms,
        intact=intact,
        why=why,
    )


def _compare(reference: Signal, heard: Signal) -> _Windows:
    expected, actual = _cut_windows(reference), _cut_windows(heard)
    expected_energy = (expected**2).sum(axis=1)
    actual_energy = (actual**2).sum(axis=1)
    products = (expected * actual).sum(axis=1)
    fits = products / np.sqrt(np.maximum(expected_energy * actual_energy, 1.0))
    loudest = expected_energy.max(initial=1.0)
    voiced = expected_energy > loudest * 10 ** (_VOICED_DB / 10)
    # Estimate the gain only from windows that arrived; the others say nothing about it.
    arrived = voiced & (fits >= _INTACT_CORRELATION)
    gain = products[arrived].sum() / max(float(expected_energy[arrived].sum()), 1.0)
    too_loud = actual_energy > max(gain, 0.1) ** 2 * loudest * 10 ** (_QUIET_DB / 10)
    good = np.where(voiced, fits >= _INTACT_CORRELATION, ~too_loud)
    return _Windows(voiced, fits, good)


def _lags(windows: _Windows, reference: Signal, recording: Recording, start: int) -> list[int]:
    """Return how far each damaged window of speech is from its place, after a leading 0."""
    expected = _cut_windows(reference)
    damaged = np.flatnonzero(windows.voiced & ~windows.good).tolist()
    return [0, *(_best_lag(expected[i], recording, start + i * _HOP) for i in damaged)]


def _cut_windows(signal: Signal) -> Signal:
    """Cut windows of 50 ms every 25 ms; the last one is padded with silence."""
    count = -(-max(len(signal) - _WINDOW, 0) // _HOP) + 1
    padded = np.pad(signal, (0, (count - 1) * _HOP + _WINDOW - len(signal)))
    return np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]


def _best_lag(window: Signal, recording: Recording, start: int) -> int:
    """Return how many samples late (early, if negative) the window is; 0 if it isn't near."""
    around = recording.part(start - _SEARCH, len(window) + 2 * _SEARCH)
    products = np.correlate(around, window, mode="valid")
    energy = np.convolve(around**2, np.ones(len(window)), mode="valid")
    fits = products / np.sqrt(np.maximum(energy * (window @ window), 1.0))
    best = int(np.argmax(fits))
    return best - _SEARCH if fits[best] >= _INTACT_CORRELATION else 0


def _correlation(left: Signal, right: Signal) -> float:
    energy = float(left @ left) * float(right @ right)
    return float(left @ right) / math.sqrt(max(energy, 1.0))


def _intact_ms(windows: _Windows, length: int) -> float:
    bad = np.flatnonzero(~windows.good)
    if not len(bad):
        return length * 1000 / WORK_HZ
    first = int(bad[0])
    return 0.0 if first == 0 else ((first - 1) * _HOP + _WINDOW) * 1000 / WORK_HZ


def _explain(windows: _Windows, lags: list[int]) -> str:
    bad = np.flatnonzero(~windows.good)
    if not len(bad):
        return "the source contains no speech"
    first_ms = int(bad[0]) * _HOP * 1000 // WORK_HZ
    last_ms = (int(bad[-1]) * _HOP + _WINDOW) * 1000 // WORK_HZ
    share = f"{len(bad)} of {len(windows.good)} windows from {first_ms} to {last_ms} ms are damaged"
    if not windows.voiced[bad].any():
        return f"{share}: sound where the sentence pauses"
    moved = [lag for lag in lags if lag]
    if len(moved) < 3:
        return f"{share}, at worst {windows.fits[windows.voiced].min():.2f} similar"
    lag_ms = statistics.median(moved) * 1000 / WORK_HZ
    side = "late: something was added or moved" if lag_ms > 0 else "early: something is missing"
    return f"{share}: speech is {abs(lag_ms):.1f} ms too {side}"

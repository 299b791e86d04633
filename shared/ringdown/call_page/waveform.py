"""A recording as the page needs it: the outline of each side to draw, and a sound file to play."""

import io
import wave

import numpy as np
import numpy.typing as npt

from ringdown.call_page.contents import Pcm, Recording

FULL_SCALE = 100
"""Stands for 0 dBFS, the loudest sound that a telephone carries. All pages have this scale, so that
calls can be compared. Half of it is -12 dBFS, so that soft voices are visible, too."""
_AUDIBLE_DBFS = -48
_BIN_MS = 20
_BINS_MAX = 6_000


def outlines(recording: Recording) -> tuple[list[int], list[int]]:
    """Return how loud the caller and the agent were in each of many equal parts of the recording.

    Values range from 0 to FULL_SCALE. The loudest sample of each part counts.
    """
    bin_ms = max(_BIN_MS, -(-recording.duration_ms // _BINS_MAX))
    samples = bin_ms * recording.rate_hz // 1000
    bins = -(-max(len(recording.caller), len(recording.agent)) // samples)
    sides = [_peaks(side, samples, bins) for side in (recording.caller, recording.agent)]
    caller, agent = (
        np.rint(FULL_SCALE * np.sqrt(side / 32_768)).astype(int).tolist() for side in sides
    )
    return caller, agent


def audible_ms(side: Pcm, rate_hz: int, from_ms: int, to_ms: int) -> int:
    """Return how many milliseconds of `side` are audible between two points of the recording."""
    samples = _BIN_MS * rate_hz // 1000
    part = side[max(0, from_ms) * rate_hz // 1000 : max(0, to_ms) * rate_hz // 1000]
    peaks = _peaks(part, samples, -(-len(part) // samples))
    return _BIN_MS * int(np.count_nonzero(peaks > 32_768 * 10 ** (_AUDIBLE_DBFS / 20)))


def _peaks(side: Pcm, samples: int, bins: int) -> npt.NDArray[np.int32]:
    padded = np.zeros(bins * samples, dtype=np.int32)
    padded[: len(side)] = np.abs(side.astype(np.int32))
    return np.asarray(padded.reshape(bins, samples).max(axis=1, initial=0), np.int32)


def wav_bytes(recording: Recording) -> bytes:
    """Return a 16-bit stereo WAV file, with the caller on the left and the agent on the right."""
    frames = np.zeros((max(len(recording.caller), len(recording.agent)), 2), dtype="<i2")
    frames[: len(recording.caller), 0] = recording.caller
    frames[: len(recording.agent), 1] = recording.agent
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(recording.rate_hz)
        sound.writeframes(frames.tobytes())
    return file.getvalue()

"""A recording as the page needs it: the outline of each side to draw, and a sound file to play."""

import io
import wave

import numpy as np
import numpy.typing as npt

from ringdown_cli.call_page.contents import Pcm, Recording

FULL_SCALE = 100
_BIN_MS = 20
_BINS_MAX = 6_000
_QUIET = 1_000
"""A recording that never gets louder than this is drawn small: silence is not blown up."""


def outlines(recording: Recording) -> tuple[list[int], list[int]]:
    """The caller's and the agent's loudest sample in every equal part of the recording.

    Both on one scale from 0 to FULL_SCALE, on which the louder side fills the height.
    """
    bin_ms = max(_BIN_MS, -(-recording.duration_ms // _BINS_MAX))
    samples = bin_ms * recording.rate_hz // 1000
    bins = -(-max(len(recording.caller), len(recording.agent)) // samples)
    sides = [_peaks(side, samples, bins) for side in (recording.caller, recording.agent)]
    loudest = max(_QUIET, *(int(side.max(initial=0)) for side in sides))
    caller, agent = (np.rint(side * FULL_SCALE / loudest).astype(int).tolist() for side in sides)
    return caller, agent


def _peaks(side: Pcm, samples: int, bins: int) -> npt.NDArray[np.int32]:
    padded = np.zeros(bins * samples, dtype=np.int32)
    padded[: len(side)] = np.abs(side.astype(np.int32))
    return np.asarray(padded.reshape(bins, samples).max(axis=1, initial=0), np.int32)


def wav_bytes(recording: Recording) -> bytes:
    """A WAV file, 16 bit stereo: the caller left, the agent right."""
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

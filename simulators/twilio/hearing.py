"""What a person notices about the other side: speech, silence, a ringing tone.

Every sample on the line is digital, so a fixed level tells sound from silence. A ringing tone is
sound but not speech; nearly all its energy lies between 350 and 600 Hz (ITU-T E.180: 400-450 Hz,
North America 440 and 480 Hz).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulators.speech import mulaw

from .stream_messages import FRAME_BYTES, FRAME_MS, SILENT_FRAME

_SOUND_RMS = 180.0  # -45 dB below full scale
_SPEECH_FRAMES = 3  # shorter sounds are clicks
_TONE_FRAMES = 5  # a vowel may look like a tone for a moment
_TONE_BINS = slice(7, 13)  # each of them is 50 Hz wide
_TONE_SHARE = 0.97  # measured: above 0.999 for ringing, below 0.9 for synthetic speech
_WINDOW = np.hanning(FRAME_BYTES).astype(np.float32)
SPEECH_GAP_MS = 500
"""Pauses inside a sentence are shorter than this."""


@dataclass(frozen=True, slots=True)
class Began:
    """Speech began at `at_ms`."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Ended:
    """Speech lasted from `began_ms` to `at_ms`, and then paused for `SPEECH_GAP_MS`."""

    began_ms: int
    at_ms: int


class Ear:
    """Listens to one direction, frame by frame; times are positions in the recording."""

    def __init__(self) -> None:
        self.speech_began_ms: int | None = None
        self.last_sound_ms = 0
        self.last_tone_ms: int | None = None
        self._first_sound_ms = 0
        self._speech_frames = 0
        self._tone_frames = 0

    def hear(self, frame: bytes, at_ms: int) -> Began | Ended | None:
        """Process the µ-law frame that begins at `at_ms`."""
        if frame is SILENT_FRAME:
            return self._quiet(at_ms)
        samples = mulaw.decode(frame).astype(np.float32)
        power = float(np.dot(samples, samples)) / len(samples)
        if power < _SOUND_RMS**2:
            return self._quiet(at_ms)
        if _is_tone(samples):
            self._tone_frames += 1
            if self._tone_frames >= _TONE_FRAMES:
                self.last_tone_ms = at_ms + FRAME_MS
                self._speech_frames = 0
                return self._pause(at_ms)
        else:
            self._tone_frames = 0
        return self._sound(at_ms)

    def _sound(self, at_ms: int) -> Began | None:
        if self._speech_frames == 0:
            self._first_sound_ms = at_ms
        self._speech_frames += 1
        self.last_sound_ms = at_ms + FRAME_MS
        # This may still turn out to be a tone, so don't call it speech yet.
        enough = self._speech_frames >= _SPEECH_FRAMES and self._tone_frames == 0
        if self.speech_began_ms is not None or not enough:
            return None
        self.speech_began_ms = self._first_sound_ms
        return Began(self._first_sound_ms)

    def _quiet(self, at_ms: int) -> Ended | None:
        self._speech_frames = self._tone_frames = 0
        return self._pause(at_ms)

    def _pause(self, at_ms: int) -> Ended | None:
        if self.speech_began_ms is None or at_ms - self.last_sound_ms < SPEECH_GAP_MS:
            return None
        ended = Ended(self.speech_began_ms, self.last_sound_ms)
        self.speech_began_ms = None
        return ended


def _is_tone(samples: npt.NDArray[np.float32]) -> bool:
    energy = np.abs(np.fft.rfft(samples * _WINDOW)) ** 2
    return bool(energy[_TONE_BINS].sum() > _TONE_SHARE * energy[1:].sum())

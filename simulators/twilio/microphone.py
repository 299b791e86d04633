"""What the caller sends into the line: sentences one after the other, and what lies between."""

from collections import deque

import numpy as np

from simulators.speech import mulaw

from .handset import Handset
from .stream_messages import FRAME_BYTES, FRAME_MS, SILENT_FRAME

_NOISE_FRAMES = 50
_NOISE_RMS = 12.0  # -69 dB below full scale: a quiet room


class Utterance:
    """One sentence on its way: `start_ms` and `end_ms` on the recording, once they are known.

    `cut` tells that it was not said to its end.
    """

    def __init__(self, text: str, audio: bytes) -> None:
        self.text = text
        self.start_ms: int | None = None
        self.end_ms: int | None = None
        self.cut = False
        self._audio = audio
        self._offset = 0

    @property
    def duration_ms(self) -> int:
        return len(self._audio) * FRAME_MS // FRAME_BYTES

    def next_frame(self, at_ms: int) -> bytes:
        if self.start_ms is None:
            self.start_ms = at_ms
        frame = self._audio[self._offset : self._offset + FRAME_BYTES]
        self._offset += FRAME_BYTES
        if self._offset >= len(self._audio):
            self.end_ms = self.start_ms + self.duration_ms
        return frame + SILENT_FRAME[len(frame) :]

    def stop(self, at_ms: int) -> None:
        """End here; a sentence that had not begun keeps no `start_ms`."""
        self.cut = True
        self.end_ms = at_ms


class Microphone:
    """Always on: a frame for every tick. Between sentences it is the handset's, if there is one,
    else silence or a quiet room's noise."""

    def __init__(self, *, comfort_noise: bool = False, handset: Handset | None = None) -> None:
        self._handset = handset
        self._waiting: deque[Utterance] = deque()
        self._noise = _noise_frames() if comfort_noise else (SILENT_FRAME,)
        self._ticks = 0
        self.speaking: Utterance | None = None

    def say(self, text: str, audio: bytes) -> Utterance:
        """Queue µ-law audio; it begins when what was queued before has been said."""
        utterance = Utterance(text, audio)
        self._waiting.append(utterance)
        return utterance

    def next_frame(self, at_ms: int) -> bytes:
        """The frame that begins at `at_ms`."""
        if self.speaking is not None and self.speaking.end_ms is not None:
            self.speaking = None
        if self.speaking is None and self._waiting:
            self.speaking = self._waiting.popleft()
        if self.speaking is not None:
            return self.speaking.next_frame(at_ms)
        if self._handset is not None and (frame := self._handset.next_frame()) is not None:
            return frame
        self._ticks += 1
        return self._noise[self._ticks % len(self._noise)]

    def hush(self, at_ms: int) -> None:
        """Stop speaking; what was queued is not said either."""
        stopped = [*([self.speaking] if self.speaking else []), *self._waiting]
        self.speaking = None
        self._waiting.clear()
        for utterance in stopped:
            if utterance.end_ms is None:
                utterance.stop(at_ms)


def _noise_frames() -> tuple[bytes, ...]:
    noise = np.random.default_rng(8000).normal(0.0, _NOISE_RMS, _NOISE_FRAMES * FRAME_BYTES)
    audio = mulaw.encode(noise.astype(np.int16))
    return tuple(audio[i : i + FRAME_BYTES] for i in range(0, len(audio), FRAME_BYTES))

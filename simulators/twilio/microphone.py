"""What the caller sends: sentences one after another, and the sound between them."""

from collections import deque

import numpy as np

from simulators.speech import mulaw
from simulators.speech.pcm import to_pcm

from .handset import Handset
from .noises import Background, background_sound
from .stream_messages import FRAME_BYTES, FRAME_MS, SILENT_FRAME


class Utterance:
    """A sentence to say. `start_ms` and `end_ms` are positions in the recording, once known.

    `cut` means that it was cut short.
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
        """Cut the sentence short; if it hadn't begun, it has no `start_ms`."""
        self.cut = True
        self.end_ms = at_ms


class Microphone:
    """Provides one frame per tick.

    Between sentences, frames come from the handset, if there is one, or else from the background.
    """

    def __init__(
        self, *, background: Background = "silence", handset: Handset | None = None
    ) -> None:
        self._handset = handset
        self._waiting: deque[Utterance] = deque()
        self._background = _frames(background)
        self._ticks = 0
        self.speaking: Utterance | None = None

    def say(self, text: str, audio: bytes) -> Utterance:
        """Queue µ-law audio, to be said after everything queued before it."""
        utterance = Utterance(text, audio)
        self._waiting.append(utterance)
        return utterance

    def next_frame(self, at_ms: int) -> bytes | None:
        """The frame that begins at `at_ms`, or None if the carrier sends none."""
        self._ticks += 1
        behind = self._background[self._ticks % len(self._background)]
        if self.speaking is not None and self.speaking.end_ms is not None:
            self.speaking = None
        if self.speaking is None and self._waiting:
            self.speaking = self._waiting.popleft()
        if self.speaking is not None:
            return _mixed(self.speaking.next_frame(at_ms), behind)
        if self._handset is not None and (frame := self._handset.next_frame()) is not None:
            return _mixed(frame, behind)
        return behind

    def hush(self, at_ms: int) -> None:
        """Stop speaking, and drop what is queued."""
        stopped = [*([self.speaking] if self.speaking else []), *self._waiting]
        self.speaking = None
        self._waiting.clear()
        for utterance in stopped:
            if utterance.end_ms is None:
                utterance.stop(at_ms)


def _frames(kind: Background) -> tuple[bytes | None, ...]:
    sound = background_sound(kind)
    if sound is None:
        return (None if kind == "no_frames" else SILENT_FRAME,)
    audio, frames = mulaw.encode(sound), len(sound) // FRAME_BYTES
    return tuple(audio[n * FRAME_BYTES : (n + 1) * FRAME_BYTES] for n in range(frames))


def _mixed(frame: bytes, behind: bytes | None) -> bytes:
    if behind is None or behind is SILENT_FRAME:
        return frame
    return mulaw.encode(to_pcm(mulaw.decode(frame).astype(np.float64) + mulaw.decode(behind)))

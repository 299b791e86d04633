"""The sounds that models have been heard to send instead of speech."""

from typing import assert_never

import numpy as np

from simulators.gemini_live.faults import FalseVoice
from simulators.gemini_live.messages import OUTPUT_HZ
from simulators.speech.pcm import to_bytes, to_pcm

_NOISE = 18
_TONE_HZ = (300, 600, 900)
_TONE_LEVEL = 3_000.0


class FalseSound:
    """A sound of any length, generated piece by piece without seams."""

    def __init__(self, by: FalseVoice) -> None:
        self.by = by
        self._random = np.random.default_rng(18)
        self._samples = 0

    def next(self, length: int) -> bytes:
        """The next `length` bytes of PCM16 at OUTPUT_HZ."""
        count = length // 2
        at_s = np.arange(self._samples, self._samples + count) / OUTPUT_HZ
        self._samples += count
        match self.by:
            case "silence":
                return bytes(length)
            case "noise":
                return to_bytes(self._random.integers(-_NOISE, _NOISE + 1, count).astype(np.int16))
            case "tone":
                waves = [np.sin(2 * np.pi * hz * at_s) for hz in _TONE_HZ]
                return to_bytes(to_pcm(_TONE_LEVEL * np.sum(waves, axis=0)))
            case _:
                assert_never(self.by)

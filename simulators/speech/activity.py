"""Voice activity detection by energy above an adaptive noise floor; no clock, no I/O."""

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulators.speech.pcm import Pcm

FRAME_MS = 20
_SILENT_DBFS = -80.0
_LOUDEST_NOISE_DBFS = -35.0
_FLOOR_FRAMES = 100
"""The quietest of the last 2 s is noise: speech pauses more often than that, noise doesn't."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began at `at_ms`, a position in the audio fed so far."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """Speech ended at `at_ms`; reported once the silence has lasted long enough."""

    at_ms: int


ActivityEvent = SpeechStarted | SpeechStopped


class ActivityDetector:
    """Detects when speech starts and stops in audio that is fed in pieces of any length.

    silence_ms    quiet that ends speech; longer than the pauses inside a sentence (200-400 ms)
    onset_ms      sound that starts speech; shorter sounds are clicks
    margin_db     how far above the noise floor a frame must be
    minimum_dbfs  anything softer is never speech
    """

    def __init__(
        self,
        rate_hz: int,
        *,
        silence_ms: int = 500,
        onset_ms: int = 40,
        margin_db: float = 10.0,
        minimum_dbfs: float = -48.0,
    ) -> None:
        self._frame_samples = rate_hz * FRAME_MS // 1000
        self._silence_ms = silence_ms
        self._onset_ms = onset_ms
        self._margin_db = margin_db
        self._minimum_dbfs = minimum_dbfs
        self._rest = np.zeros(0, dtype=np.int16)
        self._levels: deque[float] = deque(maxlen=_FLOOR_FRAMES)
        self._now_ms = 0
        self._loud_ms = 0
        self._last_loud_ms = 0
        self.speaking = False

    @property
    def last_sound_ms(self) -> int:
        """When the latest sound above the noise ended."""
        return self._last_loud_ms

    @property
    def now_ms(self) -> int:
        """How much audio has been analysed, in whole frames."""
        return self._now_ms

    def feed(self, pcm: Pcm) -> list[ActivityEvent]:
        samples = np.concatenate((self._rest, pcm)) if len(self._rest) else pcm
        count = len(samples) // self._frame_samples
        whole = count * self._frame_samples
        self._rest = samples[whole:].copy()
        frames = samples[:whole].reshape(count, self._frame_samples)
        events = (self._judge(level) for level in levels_dbfs(frames).tolist())
        return [event for event in events if event is not None]

    def _judge(self, level_dbfs: float) -> ActivityEvent | None:
        floor = min(min(self._levels, default=_SILENT_DBFS), _LOUDEST_NOISE_DBFS)
        self._levels.append(level_dbfs)
        self._now_ms += FRAME_MS
        if level_dbfs > max(self._minimum_dbfs, floor + self._margin_db):
            return self._heard_sound()
        return self._heard_quiet()

    def _heard_sound(self) -> ActivityEvent | None:
        self._loud_ms += FRAME_MS
        self._last_loud_ms = self._now_ms
        if self.speaking or self._loud_ms < self._onset_ms:
            return None
        self.speaking = True
        return SpeechStarted(self._now_ms - self._loud_ms)

    def _heard_quiet(self) -> ActivityEvent | None:
        self._loud_ms = 0
        if not self.speaking or self._now_ms - self._last_loud_ms < self._silence_ms:
            return None
        self.speaking = False
        return SpeechStopped(self._last_loud_ms)


def levels_dbfs(frames: npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
    """Return the level of each row in dB below full scale, without its DC offset."""
    power = frames.astype(np.float64).var(axis=1) / 32_768**2
    levels: npt.NDArray[np.float64] = 10 * np.log10(np.maximum(power, 10 ** (_SILENT_DBFS / 10)))
    return levels

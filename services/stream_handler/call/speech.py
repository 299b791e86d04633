"""Voice activity of the caller, from the level of each frame.

Our own, not the model's: reply time and barge-in time are anchored on the caller's audio, because
transcripts come late and the model tells of speech only when it stops speaking itself.
"""

from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

_QUIETEST_DBFS = -75.0
_LOUDEST_FLOOR_DBFS = -30.0
_ABOVE_FLOOR_DB = 12.0
_LEAST_VOICED_DBFS = -50.0
_FLOOR_RISE_DB_PER_MS = 0.0025  # a new, louder background is believed after a few seconds
_ONSET_WINDOW_FRAMES = 5
_ONSET_VOICED_FRAMES = 3  # 60 ms: longer than a click, shorter than the shortest "no"
_HANGOVER_MS = 400.0  # longer than the closure of a plosive or the gap between two words


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    onset_ms: float


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    end_ms: float


SpeechChange: TypeAlias = SpeechStarted | SpeechStopped


class SpeechDetector:
    """Energy over an adaptive noise floor, with onset confirmation and hangover."""

    def __init__(self) -> None:
        self._floor_dbfs = -60.0
        # Start time of each recent frame if it was voiced, else None.
        self._recent: deque[float | None] = deque(maxlen=_ONSET_WINDOW_FRAMES)
        self.speaking = False
        self.onset_ms: float | None = None
        """When the caller's latest speech began."""
        self.last_voiced_ms: float | None = None
        """When the caller's latest voiced frame ended."""

    def frame(self, at_ms: float, level_dbfs: float, length_ms: float) -> SpeechChange | None:
        """Take the frame that ended at `at_ms`; tell if speech started or stopped with it."""
        voiced = level_dbfs > max(self._floor_dbfs + _ABOVE_FLOOR_DB, _LEAST_VOICED_DBFS)
        self._follow_floor(level_dbfs, length_ms)
        self._recent.append(at_ms - length_ms if voiced else None)
        if self.speaking:
            return self._while_speaking(at_ms, voiced)
        return self._while_silent(at_ms, voiced)

    def _follow_floor(self, level_dbfs: float, length_ms: float) -> None:
        risen = self._floor_dbfs + _FLOOR_RISE_DB_PER_MS * length_ms
        self._floor_dbfs = min(max(min(level_dbfs, risen), _QUIETEST_DBFS), _LOUDEST_FLOOR_DBFS)

    def _while_speaking(self, at_ms: float, voiced: bool) -> SpeechChange | None:
        if voiced:
            self.last_voiced_ms = at_ms
            return None
        end_ms = self.last_voiced_ms if self.last_voiced_ms is not None else at_ms
        if at_ms - end_ms < _HANGOVER_MS:
            return None
        self.speaking = False
        return SpeechStopped(end_ms)

    def _while_silent(self, at_ms: float, voiced: bool) -> SpeechChange | None:
        if not voiced:
            return None
        starts = [start_ms for start_ms in self._recent if start_ms is not None]
        if len(starts) < _ONSET_VOICED_FRAMES:
            return None
        self.speaking = True
        self.onset_ms = starts[0]
        self.last_voiced_ms = at_ms
        return SpeechStarted(starts[0])

"""Detects when the caller speaks, and keeps what they say for a model that can't hear it yet."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

_QUIETEST_DBFS = -75.0
_LOUDEST_FLOOR_DBFS = -30.0
_ABOVE_FLOOR_DB = 12.0
_LEAST_VOICED_DBFS = -50.0
_FLOOR_RISE_DB_PER_MS = 0.0025  # takes a few seconds to accept a louder background
_ONSET_WINDOW_FRAMES = 5
_ONSET_VOICED_FRAMES = 3  # 60 ms: longer than a click, shorter than the shortest "no"
_HANGOVER_MS = 400.0  # longer than the closure of a plosive or the gap between two words
_SPOKEN_DB = 1.5
"""How much speech changes in level from one frame to the next, on average. Syllables change it by
3 dB or more; noise as steady as a fan's varies by 0.5 dB over 20 ms."""
_SPOKEN_NOW_FRAMES = 15
_SPOKEN_NOW_DB = 1.0
"""The same over 300 ms, in which a vowel may keep its level. Synthetic voices passed immediately,
white noise never; at 1.5 dB some voices took twice as long, and at 0.8 dB noise passed."""
_MOST_CHANGE_DB = 12.0  # so that the click at the start of a hum doesn't count as many frames


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    onset_ms: float


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """An utterance: voice without a pause."""

    onset_ms: float
    end_ms: float
    sounds_spoken: bool
    """Its level rose and fell as with syllables. That of a fan, a hum or a hiss doesn't."""

    @property
    def length_ms(self) -> float:
        return self.end_ms - self.onset_ms


SpeechChange: TypeAlias = SpeechStarted | SpeechStopped


class SpeechDetector:
    """Voice activity from the level of each frame: energy over an adaptive noise floor, with onset
    confirmation and hangover.

    We don't use the model's: reply time and barge-in time are measured from the caller's audio,
    because transcripts come late and the model reports speech only when it stops speaking itself.
    """

    def __init__(self) -> None:
        self._floor_dbfs = -60.0
        # Start time of each recent frame if it was voiced, else None.
        self._recent: deque[float | None] = deque(maxlen=_ONSET_WINDOW_FRAMES)
        self.speaking = False
        self.onset_ms: float | None = None
        """When the caller's latest speech began."""
        self.last_voiced_ms: float | None = None
        """When the caller's latest voiced frame ended."""
        # The current utterance
        self._level_dbfs = 0.0
        self._changed_db = 0.0
        self._frames = 0
        self._last_changes_db: deque[float] = deque(maxlen=_SPOKEN_NOW_FRAMES)

    @property
    def spoken_ms(self) -> float:
        """How long the current utterance is so far; 0 during silence, or while the last 300 ms
        don't sound spoken."""
        if not self.speaking or self.onset_ms is None or self.last_voiced_ms is None:
            return 0.0
        changes = self._last_changes_db
        sounds_spoken = sum(changes) >= _SPOKEN_NOW_DB * len(changes)
        return self.last_voiced_ms - self.onset_ms if sounds_spoken else 0.0

    def frame(self, at_ms: float, level_dbfs: float, length_ms: float) -> SpeechChange | None:
        """Process the frame that ended at `at_ms`. Return whether speech started or stopped."""
        voiced = level_dbfs > max(self._floor_dbfs + _ABOVE_FLOOR_DB, _LEAST_VOICED_DBFS)
        self._follow_floor(level_dbfs, length_ms)
        self._recent.append(at_ms - length_ms if voiced else None)
        if self.speaking:
            return self._while_speaking(at_ms, level_dbfs, voiced)
        return self._while_silent(at_ms, level_dbfs, voiced)

    def _follow_floor(self, level_dbfs: float, length_ms: float) -> None:
        risen = self._floor_dbfs + _FLOOR_RISE_DB_PER_MS * length_ms
        self._floor_dbfs = min(max(min(level_dbfs, risen), _QUIETEST_DBFS), _LOUDEST_FLOOR_DBFS)

    def _while_speaking(self, at_ms: float, level_dbfs: float, voiced: bool) -> SpeechChange | None:
        if voiced:
            self.last_voiced_ms = at_ms
            self._note_change(level_dbfs)
            return None
        end_ms = self.last_voiced_ms if self.last_voiced_ms is not None else at_ms
        if at_ms - end_ms < _HANGOVER_MS:
            return None
        self.speaking = False
        onset_ms = self.onset_ms if self.onset_ms is not None else end_ms
        sounds_spoken = self._changed_db >= _SPOKEN_DB * self._frames
        return SpeechStopped(onset_ms, end_ms, sounds_spoken)

    def _note_change(self, level_dbfs: float) -> None:
        change_db = min(abs(level_dbfs - self._level_dbfs), _MOST_CHANGE_DB)
        self._changed_db += change_db
        self._last_changes_db.append(change_db)
        self._frames += 1
        self._level_dbfs = level_dbfs

    def _while_silent(self, at_ms: float, level_dbfs: float, voiced: bool) -> SpeechChange | None:
        if not voiced:
            return None
        starts = [start_ms for start_ms in self._recent if start_ms is not None]
        if len(starts) < _ONSET_VOICED_FRAMES:
            return None
        self.speaking = True
        self.onset_ms = starts[0]
        self.last_voiced_ms = at_ms
        self._level_dbfs, self._changed_db, self._frames = level_dbfs, 0.0, 0
        self._last_changes_db.clear()
        return SpeechStarted(starts[0])


# Speech over a protected greeting

_LONGEST_HELLO_MS = 1_200.0
_KEPT_MS = 15_000.0
_BEFORE_ONSET_MS = 200.0
_LONGEST_MS = 30_000.0  # a model that never greets must still hear the caller


class Greeting:
    """Holds back the caller's audio while the greeting is protected.

    The model gets silence meanwhile, so that a "hello?" doesn't cut the greeting off. A caller who
    said more than that needn't repeat it: their words are sent once the greeting is over.
    """

    def __init__(self, *, protected: bool) -> None:
        self.playing = protected
        self._held: deque[tuple[float, bytes]] = deque()
        self._first_ms: float | None = None
        self._first_onset_ms: float | None = None
        self._onset_ms: float | None = None
        """When the speech now under way began."""
        self._spoken_ms = 0.0
        """The total length of finished speech."""

    def hold(self, at_ms: float, pcm: bytes) -> None:
        """Keep a frame that the model must not hear now; the last 15 s are kept."""
        if self._first_ms is None:
            self._first_ms = at_ms
        self._held.append((at_ms, pcm))
        while at_ms - self._held[0][0] > _KEPT_MS:
            self._held.popleft()

    def expired(self, at_ms: float) -> bool:
        """Whether the greeting is still protected although it must be over by now."""
        first_ms = self._first_ms
        return self.playing and first_ms is not None and at_ms - first_ms > _LONGEST_MS

    def caller_spoke(self, onset_ms: float) -> None:
        """Note that the caller began to speak over the greeting."""
        self._onset_ms = onset_ms
        if self._first_onset_ms is None:
            self._first_onset_ms = onset_ms

    def caller_stopped(self, end_ms: float) -> None:
        if self._onset_ms is not None:
            self._spoken_ms += end_ms - self._onset_ms
            self._onset_ms = None

    def over(self) -> bytes:
        """End the greeting, which has been heard. Return what the model should hear now.

        That is everything from the caller's first word if they said much, otherwise the beginning
        of what they are saying now.
        """
        self.playing = False
        held, self._held = self._held, deque()
        said_much = self._spoken_ms > _LONGEST_HELLO_MS
        onset_ms = self._first_onset_ms if said_much else self._onset_ms
        if onset_ms is None:
            return b""
        return b"".join(pcm for at_ms, pcm in held if at_ms >= onset_ms - _BEFORE_ONSET_MS)


# For the next model session

PCM_BYTES_PER_MS = 32  # PCM16 at 16 kHz
_MOST_BYTES = 15_000 * PCM_BYTES_PER_MS
_CHUNK_BYTES = 1_000 * PCM_BYTES_PER_MS


class ReplayRing:
    """The caller's last seconds, replayed to a session that didn't hear them.

    Frames are kept by reference; the newest push out the oldest.
    """

    def __init__(self) -> None:
        self._frames: deque[tuple[float, bytes]] = deque()
        self._bytes = 0

    def keep(self, at_ms: float, pcm: bytes) -> None:
        """Keep a frame that ended at `at_ms`."""
        self._frames.append((at_ms, pcm))
        self._bytes += len(pcm)
        while self._bytes > _MOST_BYTES:
            self._bytes -= len(self._frames.popleft()[1])

    def since(self, from_ms: float) -> Iterator[bytes]:
        """Yield what the caller said since `from_ms`, in chunks of a second."""
        return in_chunks(b"".join(pcm for at_ms, pcm in self._frames if at_ms > from_ms))


def in_chunks(pcm: bytes) -> Iterator[bytes]:
    for start in range(0, len(pcm), _CHUNK_BYTES):
        yield pcm[start : start + _CHUNK_BYTES]

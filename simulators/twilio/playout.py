"""The buffer between what our side sends and what the caller hears."""

from collections import deque
from dataclasses import dataclass

from .stream_messages import FRAME_BYTES, FRAME_MS, SILENT_FRAME

BYTES_PER_MS = FRAME_BYTES // FRAME_MS
MAX_BUFFERED_BYTES = 10 * 60 * 1000 * BYTES_PER_MS


@dataclass(frozen=True, slots=True)
class Tick:
    """One frame to play, and the marks reached by the end of the previous frame."""

    frame: bytes
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cleared:
    """What a `clear` removed: audio that won't be heard, and marks that come back immediately."""

    dropped_ms: int
    marks: tuple[str, ...]


class PlayoutBuffer:
    """Plays µ-law audio in order, one frame per tick of the line's clock.

    A mark comes after the audio sent before it, and is reached when all of that audio has been
    played. `clear` can't take back the frame being played.
    """

    def __init__(self) -> None:
        self._audio = bytearray()
        self._offset = 0
        self._received = 0
        self._played = 0
        self._playing = 0
        self._marks: deque[tuple[int, str]] = deque()

    @property
    def buffered_ms(self) -> int:
        """Audio that hasn't begun to play, in whole milliseconds (rounded down)."""
        return (len(self._audio) - self._offset) // BYTES_PER_MS

    @property
    def finished(self) -> bool:
        """Whether everything received has been played to its end, or cleared."""
        return self._received == self._played

    def append(self, audio: bytes) -> int:
        """Queue audio; returns how many bytes were discarded because ten minutes are queued."""
        room = MAX_BUFFERED_BYTES - (len(self._audio) - self._offset)
        kept = audio[: max(room, 0)]
        self._audio += kept
        self._received += len(kept)
        return len(audio) - len(kept)

    def mark(self, name: str) -> bool:
        """Place a mark; returns True if it is reached already, as nothing is queued or playing."""
        if self.finished and not self._marks:
            return True
        self._marks.append((self._received, name))
        return False

    def clear(self) -> Cleared:
        dropped_ms = self.buffered_ms
        names = tuple(name for _, name in self._marks)
        self._audio.clear()
        self._offset = 0
        self._received = self._played + self._playing
        self._marks.clear()
        return Cleared(dropped_ms, names)

    def tick(self) -> Tick:
        """End the frame being played and begin the next; plays silence if there is no audio."""
        self._played += self._playing
        marks = self._reached() if self._marks else ()
        frame = bytes(self._audio[self._offset : self._offset + FRAME_BYTES])
        self._playing = len(frame)
        if not frame:
            return Tick(SILENT_FRAME, marks)
        self._offset += len(frame)
        self._compact()
        if len(frame) < FRAME_BYTES:
            frame += SILENT_FRAME[len(frame) :]
        return Tick(frame, marks)

    def _reached(self) -> tuple[str, ...]:
        names = []
        while self._marks and self._marks[0][0] <= self._played:
            names.append(self._marks.popleft()[1])
        return tuple(names)

    def _compact(self) -> None:
        # Deleting the head of a bytearray is cheap, but not fifty times a second for every call.
        if self._offset >= 64 * 1024 or self._offset == len(self._audio):
            del self._audio[: self._offset]
            self._offset = 0

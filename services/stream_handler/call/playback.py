"""Tracks what has been sent to the caller, and how much of it they have heard.

Positions count µ-law bytes (8 per millisecond) sent since the stream began, and never go back.
Twilio echoes a mark once everything before it has been played. After a `clear` it also returns the
pending marks, so those are forgotten and their echoes ignored.
"""

from collections import deque

BYTES_PER_MS = 8
_MARK_EVERY_BYTES = 200 * BYTES_PER_MS


class Playback:
    """Counts bytes, places marks, and estimates what was heard (±200 ms, the mark spacing)."""

    def __init__(self) -> None:
        self.sent = 0
        """The position after the last byte sent."""
        self._marked = 0
        self._marks_made = 0
        self._pending: deque[tuple[str, int]] = deque()
        # The last position known to be heard, and when playback continued from there.
        self._anchor = 0
        self._anchor_ms = 0.0

    @property
    def idle(self) -> bool:
        """Whether everything sent has been heard or cleared."""
        return self._anchor == self.sent

    @property
    def played(self) -> int:
        """The position up to which everything has certainly been heard or cleared."""
        return self._anchor

    @property
    def idle_since_ms(self) -> float:
        """When the last of the audio was heard or cleared, if `idle`."""
        return self._anchor_ms

    @property
    def until_mark(self) -> int:
        """How many bytes may be sent before the next mark."""
        return self._marked + _MARK_EVERY_BYTES - self.sent

    def add(self, length: int, at_ms: float) -> str | None:
        """Count `length` bytes sent, at most `until_mark`. Return the mark to send next, if any."""
        if self.idle:
            self._anchor_ms = at_ms
        self.sent += length
        return self._mark() if self.sent - self._marked >= _MARK_EVERY_BYTES else None

    def complete(self) -> str | None:
        """Return the mark to send after a complete reply, unless it already has one."""
        return self._mark() if self.sent > self._marked else None

    def mark_received(self, name: str, at_ms: float) -> bool:
        """Handle a mark's echo. Return False if it means nothing: unknown, repeated or cleared."""
        if all(name != pending for pending, _ in self._pending):
            return False
        while self._pending:
            pending, position = self._pending.popleft()
            if pending == name:
                self._anchor, self._anchor_ms = position, at_ms
                break
        return True

    def heard(self, at_ms: float) -> int:
        """The position heard at `at_ms`: the last echo plus elapsed time, up to the next mark."""
        limit = self._pending[0][1] if self._pending else self.sent
        elapsed = int(max(at_ms - self._anchor_ms, 0.0) * BYTES_PER_MS)
        return min(self._anchor + elapsed, limit)

    def clear(self, at_ms: float) -> int:
        """Drop everything not yet played. Return the position heard so far."""
        heard = self.heard(at_ms)
        self._pending.clear()
        self._anchor = self._marked = self.sent
        self._anchor_ms = at_ms
        return heard

    def _mark(self) -> str:
        self._marks_made += 1
        name = f"m{self._marks_made}"
        self._pending.append((name, self.sent))
        self._marked = self.sent
        return name

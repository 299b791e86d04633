"""The protected greeting: what the caller says over it, and what becomes of that.

While the greeting plays the model is sent silence, so that a "hello?" does not cut it off. A caller
who said more than that is not to say it again: their words are sent on when the greeting is over.
"""

from collections import deque

_LONGEST_HELLO_MS = 1_200.0
_KEPT_MS = 15_000.0
_BEFORE_ONSET_MS = 200.0
_LONGEST_MS = 30_000.0  # a model that never greets must hear the caller all the same


class Greeting:
    """Holds the caller's audio back while the greeting is protected."""

    def __init__(self, *, protected: bool) -> None:
        self.playing = protected
        self._held: deque[tuple[float, bytes]] = deque()
        self._first_ms: float | None = None
        self._first_onset_ms: float | None = None
        self._onset_ms: float | None = None
        """When the speech that has not ended yet began."""
        self._spoken_ms = 0.0
        """The length of all speech that has ended."""

    def hold(self, at_ms: float, pcm: bytes) -> None:
        """Keep a frame that the model is not to hear now; the last 15 s are kept."""
        if self._first_ms is None:
            self._first_ms = at_ms
        self._held.append((at_ms, pcm))
        while at_ms - self._held[0][0] > _KEPT_MS:
            self._held.popleft()

    def expired(self, at_ms: float) -> bool:
        """Whether the greeting is still protected although nobody can be greeting any more."""
        first_ms = self._first_ms
        return self.playing and first_ms is not None and at_ms - first_ms > _LONGEST_MS

    def caller_spoke(self, onset_ms: float) -> None:
        """The caller began to speak over the greeting."""
        self._onset_ms = onset_ms
        if self._first_onset_ms is None:
            self._first_onset_ms = onset_ms

    def caller_stopped(self, end_ms: float) -> None:
        if self._onset_ms is not None:
            self._spoken_ms += end_ms - self._onset_ms
            self._onset_ms = None

    def over(self) -> bytes:
        """The greeting is heard: what the model is to hear now.

        From the caller's first word if they said much, else the beginning of what they are saying
        at this moment.
        """
        self.playing = False
        held, self._held = self._held, deque()
        said_much = self._spoken_ms > _LONGEST_HELLO_MS
        onset_ms = self._first_onset_ms if said_much else self._onset_ms
        if onset_ms is None:
            return b""
        return b"".join(pcm for at_ms, pcm in held if at_ms >= onset_ms - _BEFORE_ONSET_MS)

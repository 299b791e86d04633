"""Tells a polite caller when to speak: once the agent has replied and finished."""

from .hearing import Began, Ear, Ended

_GRACE_MS = 200  # a reply may begin during the quiet end of the caller's sentence
_TALKED_OVER_MS = 1500  # an agent still speaking by then didn't stop for the caller


class Attention:
    """Follows the agent's voice since the caller last did something.

    What the agent was saying when the caller began doesn't count as a reply, and neither does a
    ringing tone. Times are positions in the recording, in milliseconds.
    """

    def __init__(self) -> None:
        self._ear = Ear()
        self._since_ms = 0
        self.answer_began_ms: int | None = None

    def hear(self, frame: bytes, at_ms: int) -> Began | Ended | None:
        change = self._ear.hear(frame, at_ms)
        if self._ear.last_tone_ms is not None and self._ear.last_tone_ms > self._since_ms:
            self.expect_answer(self._ear.last_tone_ms)
        if self.answer_began_ms is None:
            self.answer_began_ms = self._answer(change, at_ms)
        return change

    def finish(self) -> Ended | None:
        """End the speech in progress, because the call is over."""
        if self._ear.speech_began_ms is None:
            return None
        return Ended(self._ear.speech_began_ms, self._ear.last_sound_ms)

    def _answer(self, change: Began | Ended | None, at_ms: int) -> int | None:
        if isinstance(change, Began) and change.at_ms >= self._since_ms - _GRACE_MS:
            return change.at_ms
        if self.speaking and at_ms - self._since_ms >= _TALKED_OVER_MS:
            return self._since_ms
        return None

    def expect_answer(self, at_ms: int) -> None:
        """Expect a reply: the caller spoke or pressed a key, or someone new is on the line."""
        self._since_ms = at_ms
        self.answer_began_ms = None

    @property
    def speaking(self) -> bool:
        return self._ear.speech_began_ms is not None

    def speaking_for_ms(self, at_ms: int) -> int:
        """How long the agent has been replying; 0 if it isn't speaking."""
        if self.answer_began_ms is None or self._ear.speech_began_ms is None:
            return 0
        return at_ms - max(self.answer_began_ms, self._ear.speech_began_ms)

    def silent_for_ms(self, at_ms: int) -> int:
        """How long the agent has been silent after its reply; 0 without a reply."""
        if self.answer_began_ms is None:
            return 0
        return at_ms - self._ear.last_sound_ms

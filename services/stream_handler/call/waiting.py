"""What the caller gets while a tool or the model takes long and nobody speaks: a tone or a phrase.

The tone is no speech: it is not counted as playback, and it ends the moment anybody speaks. A
phrase is spoken by the model, which it can do only while it does not wait for the tool itself.
"""

from stream_handler.call import model_config
from stream_handler.call.actions import ClearPlayback, PlayTone, SendModelText
from stream_handler.call.deadlines import Timer
from stream_handler.call.ending import Phase
from stream_handler.call.model_link import LinkState
from stream_handler.call.parts import Parts

_FIRST_MS = 1_500.0
_FIRST_WITHOUT_MODEL_MS = 600.0
_NEXT_TONE_MS = 2_000.0
_AFTER_PHRASE_MS = 4_000.0  # the model needs a moment to begin it


class Waiting:
    """Notices when the caller waits in silence."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._sounding = False
        self._phrases_said = 0
        self._phrase_is_said = False
        """During the present wait."""

    def look(self) -> None:
        """Begin or end the wait, as the state of the call says."""
        if self._is_waiting():
            there = self._parts.link.listening
            self._parts.start(Timer.WAITING, _FIRST_MS if there else _FIRST_WITHOUT_MODEL_MS)
        else:
            self.stop()

    def stop(self) -> None:
        """Somebody speaks, or there is nothing to wait for: silence first."""
        self._phrase_is_said = self._phrase_is_said and self._parts.ledger.runs > 0
        if self._sounding:
            self._sounding = False
            self._parts.do(ClearPlayback())
        self._parts.cancel(Timer.WAITING)

    def timer_fired(self) -> None:
        phrase = self._next_phrase()
        if phrase is not None:
            self._phrases_said += 1
            self._phrase_is_said = True
            self._parts.do(SendModelText(model_config.waiting_prompt(phrase)))
            self._parts.start(Timer.WAITING, _AFTER_PHRASE_MS)
            return
        self._sounding = True
        self._parts.do(PlayTone())
        self._parts.start(Timer.WAITING, _NEXT_TONE_MS)

    def _next_phrase(self) -> str | None:
        """None for the tone: a phrase is said once in a wait, and never twice in a row."""
        phrases = self._parts.call.agent.waiting_phrases
        waiting, there = self._parts.ledger.waiting, self._parts.link.listening
        may_be_said = there and "phrase" in waiting and not self._phrase_is_said
        if not may_be_said or (len(phrases) < 2 and self._phrases_said >= len(phrases)):
            return None
        return phrases[self._phrases_said % len(phrases)]

    def _is_waiting(self) -> bool:
        parts = self._parts
        return (
            self._something_is_awaited()
            and parts.ending.phase is Phase.TALKING
            # A reply may go on only with the answer, so `generating` says nothing.
            and parts.playback.idle
            and not parts.speech.speaking
            and not parts.keypad.hides_the_caller
        )

    def _something_is_awaited(self) -> bool:
        """A tool, or a model whose connection is made anew; before its first word, it rings."""
        parts = self._parts
        if parts.link.listening:
            return bool(parts.ledger.waiting - {"nothing"})
        return parts.link.state is LinkState.RECONNECTING and parts.turns.agent_has_spoken

"""What the caller hears during silence: ringback before the agent's first word; after that, a tone
or a phrase while a tool or the model takes a while.

Ringback and tone aren't speech: they don't count as playback, and stop the moment anyone speaks.
A phrase is spoken by the model, which can do so only if it isn't itself waiting for the tool.
"""

from dataclasses import dataclass

from stream_handler.call import prompts, timers
from stream_handler.call.actions import ClearPlayback, PlayRingback, PlayTone
from stream_handler.call.effects import Effects
from stream_handler.call.ringing import ring_of
from stream_handler.call.situation import Situation
from stream_handler.call.state import CallState
from stream_handler.call.timers import Timer
from stream_handler.call.tool_ledger import ToolLedger


@dataclass(slots=True, eq=False)
class Waiting:
    """Plays ringback, tone and phrase, and stops them."""

    effects: Effects
    state: CallState
    ledger: ToolLedger

    # Until the agent's first word

    def begin_ringback(self) -> None:
        self.effects.start(Timer.RINGBACK)

    def play_ringback(self) -> None:
        self.state.ringing = True
        ring = ring_of(self.state.call.called)
        self.effects.do(PlayRingback(ring))
        self.effects.start(Timer.RINGBACK, ring.every_ms)

    def stop_ringing(self) -> None:
        self.effects.cancel(Timer.RINGBACK, Timer.FIRST_WORD, Timer.HANDED_OVER)
        if self.state.ringing:
            self.state.ringing = False
            self.effects.do(ClearPlayback())

    # After it

    def watch_wait(self, now: Situation) -> None:
        """Start or end the wait for a tone or phrase."""
        if now.caller_waits_in_silence:
            first_ms = timers.FIRST_TONE_MS if now.listening else timers.FIRST_TONE_WITHOUT_MODEL_MS
            self.effects.start(Timer.WAITING, first_ms)
        else:
            self.stop()

    def stop(self) -> None:
        """End the wait: someone speaks, or there is nothing to wait for."""
        self.state.phrase_said = self.state.phrase_said and bool(self.ledger.waiting)
        if self.state.tone_playing:
            self.state.tone_playing = False
            self.effects.do(ClearPlayback())
        self.effects.cancel(Timer.WAITING)

    def timer_fired(self) -> None:
        phrase = self._next_phrase()
        if phrase is not None:
            self.state.phrases_said += 1
            self.state.phrase_said = True
            self.effects.tell_model(prompts.waiting_phrase(phrase))
            self.effects.start(Timer.WAITING, timers.AFTER_PHRASE_MS)
            return
        self.state.tone_playing = True
        self.effects.do(PlayTone())
        self.effects.start(Timer.WAITING, timers.NEXT_TONE_MS)

    def _next_phrase(self) -> str | None:
        """Return the phrase to say, or None to play the tone.

        A phrase is said once per wait, and never twice in a row.
        """
        phrases = self.state.call.agent.waiting_phrases
        waiting, there = self.ledger.waiting, self.state.link.listening
        may_be_said = there and "phrase" in waiting and not self.state.phrase_said
        if not may_be_said or (len(phrases) < 2 and self.state.phrases_said >= len(phrases)):
            return None
        return phrases[self.state.phrases_said % len(phrases)]

"""Limits on a call's silence, length and cost.

Silence counts from the last word played to the caller. Anything the caller does restarts the count;
the agent's own nudge does not. A voice on the caller's line that stays unanswered for a minute is
treated as background, and counts as silence.
"""

from dataclasses import dataclass

from ringdown.calls import CallChanges, EndReason
from ringdown.gemini.prices import cost_usd
from stream_handler.call import prompts, timers
from stream_handler.call.actions import SaveCall
from stream_handler.call.effects import Effects
from stream_handler.call.events import UsageReported
from stream_handler.call.goodbye import Goodbye, ends_in_farewell
from stream_handler.call.situation import Situation, Survey
from stream_handler.call.state import CallState
from stream_handler.call.timers import Timer
from stream_handler.call.tool_ledger import ToolLedger
from stream_handler.call.transcript import Transcript

_MOST_NUDGES = 2
_SAME_WORDS, _SAME_WORDS_AGAIN = 4, 8
"""After `_SAME_WORDS` turns with the same words, the model is asked to say goodbye; after
`_SAME_WORDS_AGAIN`, the call ends."""
_QUIET_TIMERS = (Timer.IDLE_NUDGE, Timer.IDLE_GOODBYE, Timer.FORGOTTEN)


@dataclass(frozen=True, slots=True)
class Words:
    """Sentences in the agent's language that the session has the model say."""

    idle_nudge: str
    time_warning: str
    farewells: tuple[str, ...]
    """Lower case; a reply that ends in one counts as a goodbye."""
    translate_to: str | None = None
    """The agent's language, if the sentences are in English for lack of a translation."""


@dataclass(slots=True, eq=False)
class Limits:
    """Watches silence, length and cost."""

    effects: Effects
    state: CallState
    words: Words
    transcript: Transcript
    ledger: ToolLedger
    goodbye: Goodbye
    survey: Survey

    # The clock

    def stream_started(self, at_ms: float) -> None:
        agent = self.state.call.agent
        warn_ms = timers.time_warning_ms(agent)
        if warn_ms > at_ms:
            self.effects.start(Timer.TIME_WARNING, warn_ms - at_ms)
        self.effects.start(Timer.TIME_OVER, max(timers.time_over_ms(agent) - at_ms, 0))

    def time_warning(self) -> None:
        self.state.warning_due = True

    def watch_clock(self, now: Situation) -> None:
        """Give a pending warning once both sides are silent."""
        if self.state.warning_due and now.listening and now.talking and now.nobody_speaks:
            self.state.warning_due = False
            text = prompts.time_warning(self.words.time_warning, self.words.translate_to)
            self.effects.tell_model(text)

    def time_over(self, at_ms: float) -> None:
        self.goodbye.finish_because(EndReason.TIME_LIMIT, at_ms)

    # The bill

    def usage_reported(self, event: UsageReported) -> None:
        self.state.usage += event.usage
        self.effects.do(SaveCall(CallChanges(usage=self.state.usage)))
        limit = self.state.call.agent.max_cost_usd
        if limit is not None and cost_usd(self.state.usage) >= limit:
            self.goodbye.finish_because(EndReason.COST_LIMIT, event.at_ms)

    # Conversations with a machine

    def watch_repetition(self, at_ms: float) -> None:
        """Get out of a call with a machine: a menu or an announcement repeats the same words."""
        times = self.transcript.repetitions
        if times == _SAME_WORDS and self.state.talking and self.state.link.listening:
            self.effects.tell_model(prompts.SAME_WORDS)
        elif times >= _SAME_WORDS_AGAIN:
            self.goodbye.finish_because(EndReason.CALLER_IDLE, at_ms)

    # The silence

    def caller_was_heard(self, at_ms: float) -> None:
        """Note a voice or words on the line: the caller's, unless the model never answers them."""
        if self.state.unanswered_since_ms is None:
            self.state.unanswered_since_ms = at_ms
            self.effects.start(Timer.BACKGROUND, timers.background_ms(self.state.call.agent))
        self.ledger.caller_acted(self.state.link.last_audio_ms)
        if not self.survey.is_background(at_ms):
            self._restart()

    def caller_acted(self) -> None:
        """Note that the caller pressed a key or sent something."""
        self._is_answered()
        self.ledger.caller_acted(self.state.link.last_audio_ms)
        self._restart()

    def agent_replied(self, at_ms: float) -> None:
        """Note that the model speaks. A reply that we asked for doesn't answer what it hears."""
        if self.state.asked_to_speak:
            self.state.asked_to_speak = False
            return
        if self.survey.is_background(at_ms):
            self._restart()
        self._is_answered()

    def _is_answered(self) -> None:
        self.state.unanswered_since_ms = None
        self.effects.cancel(Timer.BACKGROUND)

    def _restart(self) -> None:
        """Restart counting the silence."""
        self.state.quiet = False
        self.state.silent_since_ms = None
        self.state.nudges = 0
        self.effects.cancel(*_QUIET_TIMERS)

    def watch_silence(self, now: Situation, at_ms: float) -> None:
        """Start or stop counting the silence."""
        was_quiet, self.state.quiet = self.state.quiet, now.is_silent
        if was_quiet and not self.state.quiet:
            self._silence_ends()
        elif self.state.quiet and not was_quiet:
            self._silence_begins(at_ms)
        # The text of the last reply may come after its audio has been heard.
        if self.state.quiet and self._agent_said_goodbye():
            self.effects.start(Timer.FORGOTTEN)

    def idle_nudge(self, at_ms: float) -> None:
        self.state.nudges += 1
        self.state.asked_to_speak = True
        text = prompts.idle_nudge(self.words.idle_nudge, self.words.translate_to)
        self.effects.tell_model(text)
        self._start_goodbye(at_ms)

    def idle_goodbye(self, at_ms: float) -> None:
        """End the call because the caller hasn't replied.

        If there is a voice on the line, the agent asks once more first.
        """
        if self.survey.is_background(at_ms) and self.state.nudges < _MOST_NUDGES:
            self.state.silent_since_ms = at_ms
            self.idle_nudge(at_ms)
        else:
            self.goodbye.finish_because(EndReason.CALLER_IDLE, at_ms)

    def _silence_begins(self, at_ms: float) -> None:
        if self.state.silent_since_ms is None:
            self.state.silent_since_ms = at_ms
        if self.state.nudges:
            self._start_goodbye(at_ms)
        else:
            nudge_ms = timers.idle_nudge_ms(self.state.call.agent)
            self.effects.start(Timer.IDLE_NUDGE, nudge_ms)

    def _silence_ends(self) -> None:
        self.effects.cancel(*_QUIET_TIMERS)
        if not self.state.nudges:
            self.state.silent_since_ms = None

    def _start_goodbye(self, at_ms: float) -> None:
        since_ms = self.state.silent_since_ms if self.state.silent_since_ms is not None else at_ms
        due_ms = since_ms + timers.idle_goodbye_ms(self.state.call.agent)
        self.effects.start(Timer.IDLE_GOODBYE, max(due_ms - at_ms, 0))

    def _agent_said_goodbye(self) -> bool:
        return ends_in_farewell(self.transcript.last_agent_text, self.words.farewells)

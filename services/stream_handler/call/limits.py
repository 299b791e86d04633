"""How long a call may be silent, how long it may last, what it may cost.

Silence counts from the last word that was played to the caller. The agent's own nudge does not
begin it anew; anything that the caller does, does.
"""

from dataclasses import dataclass

from ringdown.calls import CallChanges, EndReason
from ringdown.gemini.prices import cost_usd
from stream_handler.call import prompts, timers
from stream_handler.call.actions import SaveCall, SendModelText
from stream_handler.call.effects import Effects
from stream_handler.call.events import UsageReported
from stream_handler.call.goodbye import Goodbye
from stream_handler.call.situation import Situation
from stream_handler.call.state import CallState
from stream_handler.call.timers import Timer
from stream_handler.call.tool_ledger import ToolLedger
from stream_handler.call.transcript import Transcript

_QUIET_TIMERS = (Timer.IDLE_NUDGE, Timer.IDLE_GOODBYE, Timer.FORGOTTEN)


@dataclass(frozen=True, slots=True)
class Words:
    """Sentences in the agent's language that the session itself asks the model to say."""

    idle_nudge: str
    time_warning: str
    farewells: tuple[str, ...]
    """Lower case; a reply that holds one is taken for a goodbye."""
    translate_to: str | None = None
    """The agent's language, where the sentences are English because there are none in it."""


@dataclass(slots=True, eq=False)
class Limits:
    """Watches the silence, the clock and the bill."""

    effects: Effects
    state: CallState
    words: Words
    transcript: Transcript
    ledger: ToolLedger
    goodbye: Goodbye

    # The clock

    def stream_started(self, at_ms: float) -> None:
        agent = self.state.call.agent
        warn_ms = timers.time_warning_ms(agent)
        if warn_ms > at_ms:
            self.effects.start(Timer.TIME_WARNING, warn_ms - at_ms)
        self.effects.start(Timer.TIME_OVER, max(timers.time_over_ms(agent) - at_ms, 0))

    def time_warning(self) -> None:
        if self.state.link.listening and self.state.talking:
            text = prompts.time_warning(self.words.time_warning, self.words.translate_to)
            self.effects.do(SendModelText(text))

    def time_over(self, at_ms: float) -> None:
        self.goodbye.finish_because(EndReason.TIME_LIMIT, at_ms)

    # The bill

    def usage_reported(self, event: UsageReported) -> None:
        self.state.usage += event.usage
        self.effects.do(SaveCall(CallChanges(usage=self.state.usage)))
        limit = self.state.call.agent.max_cost_usd
        if limit is not None and cost_usd(self.state.usage) >= limit:
            self.goodbye.finish_because(EndReason.COST_LIMIT, event.at_ms)

    # The silence

    def caller_acted(self) -> None:
        """Restart the count of the silence: the caller spoke or typed."""
        self.state.quiet = False
        self.state.silent_since_ms = None
        self.state.nudged = False
        self.ledger.caller_acted(self.state.link.last_audio_ms)
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
        self.state.nudged = True
        text = prompts.idle_nudge(self.words.idle_nudge, self.words.translate_to)
        self.effects.do(SendModelText(text))
        self._start_goodbye(at_ms)

    def idle_goodbye(self, at_ms: float) -> None:
        self.goodbye.finish_because(EndReason.CALLER_IDLE, at_ms)

    def _silence_begins(self, at_ms: float) -> None:
        if self.state.silent_since_ms is None:
            self.state.silent_since_ms = at_ms
        if self.state.nudged:
            self._start_goodbye(at_ms)
        else:
            nudge_ms = timers.idle_nudge_ms(self.state.call.agent)
            self.effects.start(Timer.IDLE_NUDGE, nudge_ms)

    def _silence_ends(self) -> None:
        self.effects.cancel(*_QUIET_TIMERS)
        if not self.state.nudged:
            self.state.silent_since_ms = None

    def _start_goodbye(self, at_ms: float) -> None:
        since_ms = self.state.silent_since_ms if self.state.silent_since_ms is not None else at_ms
        due_ms = since_ms + timers.idle_goodbye_ms(self.state.call.agent)
        self.effects.start(Timer.IDLE_GOODBYE, max(due_ms - at_ms, 0))

    def _agent_said_goodbye(self) -> bool:
        text = self.transcript.last_agent_text.lower()
        return any(farewell in text for farewell in self.words.farewells)

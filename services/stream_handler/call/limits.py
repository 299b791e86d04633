"""How long a call may be silent, how long it may last, what it may cost.

Silence counts from the last word that was played to the caller. The agent's own nudge does not
begin it anew; anything that the caller does, does.
"""

from ringdown.calls import EndReason
from ringdown.gemini.prices import cost_usd
from stream_handler.call import model_config
from stream_handler.call.actions import SendModelText
from stream_handler.call.closing import Closing
from stream_handler.call.deadlines import Timer
from stream_handler.call.ending import Phase
from stream_handler.call.parts import Parts

_WARN_BEFORE_MS = 60_000
_QUIET_TIMERS = (Timer.IDLE_NUDGE, Timer.IDLE_GOODBYE, Timer.FORGOTTEN)


class Limits:
    """Watches the silence, the clock and the bill."""

    def __init__(self, parts: Parts, closing: Closing) -> None:
        self._parts = parts
        self._closing = closing
        self._quiet = False
        self._silent_since_ms: float | None = None
        self._nudged = False

    # The clock

    def stream_started(self, at_ms: float) -> None:
        longest_ms = self._parts.call.agent.max_call_s * 1_000
        warn_ms = longest_ms - _WARN_BEFORE_MS
        if warn_ms > at_ms:
            self._parts.start(Timer.TIME_WARNING, warn_ms - at_ms)
        self._parts.start(Timer.TIME_OVER, max(longest_ms - at_ms, 0))

    def time_warning(self) -> None:
        parts = self._parts
        if parts.link.listening and parts.ending.phase is Phase.TALKING:
            self._parts.do(SendModelText(model_config.say_prompt(self._parts.words.time_warning)))

    def time_over(self, at_ms: float) -> None:
        self._closing.finish_because(EndReason.TIME_LIMIT, at_ms)

    # The bill

    def usage_reported(self, at_ms: float) -> None:
        limit = self._parts.call.agent.max_cost_usd
        if limit is not None and cost_usd(self._parts.usage) >= limit:
            self._closing.finish_because(EndReason.COST_LIMIT, at_ms)

    # The silence

    def caller_acted(self) -> None:
        """The caller spoke or typed: the next look begins to count anew."""
        self._quiet = False
        self._silent_since_ms = None
        self._nudged = False
        self._parts.ledger.caller_acted()
        self._parts.cancel(*_QUIET_TIMERS)

    def look(self, at_ms: float) -> None:
        """Begin or end to count the silence, as the state of the call says."""
        was_quiet, self._quiet = self._quiet, self._is_quiet()
        if was_quiet and not self._quiet:
            self._silence_ends()
        elif self._quiet and not was_quiet:
            self._silence_begins(at_ms)
        # At every look: the text of the last reply may come when its audio has been heard.
        if self._quiet and self._agent_said_goodbye():
            self._parts.start(Timer.FORGOTTEN)

    def idle_nudge(self, at_ms: float) -> None:
        self._nudged = True
        self._parts.do(SendModelText(model_config.nudge_prompt(self._parts.words.idle_nudge)))
        self._start_goodbye(at_ms)

    def idle_goodbye(self, at_ms: float) -> None:
        self._closing.finish_because(EndReason.CALLER_IDLE, at_ms)

    def _is_quiet(self) -> bool:
        parts = self._parts
        return (
            parts.link.listening
            and parts.turns.agent_has_spoken
            and parts.ending.phase is Phase.TALKING
            and parts.playback.idle
            and not parts.link.generating
            and not parts.speech.speaking
            and not parts.ledger.busy
        )

    def _silence_begins(self, at_ms: float) -> None:
        if self._silent_since_ms is None:
            self._silent_since_ms = at_ms
        if self._nudged:
            self._start_goodbye(at_ms)
        else:
            nudge_ms = self._parts.call.agent.idle.nudge_after_s * 1_000
            self._parts.start(Timer.IDLE_NUDGE, nudge_ms)

    def _silence_ends(self) -> None:
        self._parts.cancel(*_QUIET_TIMERS)
        if not self._nudged:
            self._silent_since_ms = None

    def _start_goodbye(self, at_ms: float) -> None:
        since_ms = self._silent_since_ms if self._silent_since_ms is not None else at_ms
        due_ms = since_ms + self._parts.call.agent.idle.goodbye_after_s * 1_000
        self._parts.start(Timer.IDLE_GOODBYE, max(due_ms - at_ms, 0))

    def _agent_said_goodbye(self) -> bool:
        text = self._parts.turns.last_agent_text.lower()
        return any(farewell in text for farewell in self._parts.words.farewells)

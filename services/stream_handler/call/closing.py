"""Ends the session: the goodbye that is heard out, then the save, then the close."""

from ringdown.calls import CallChanges, CallStatus, EndReason
from ringdown.gemini.prices import cost_usd
from stream_handler.call.actions import CancelTool, CloseModel, CloseStream, SaveCall
from stream_handler.call.deadlines import Timer
from stream_handler.call.ending import HANG_UP, OUTCOMES, Outcome, Phase
from stream_handler.call.parts import Parts
from stream_handler.call.playback import BYTES_PER_MS

_AFTER_PLAYBACK_MS = 2_000.0


class Closing:
    """Decides when the session is over. Once it is, only the save is awaited."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def begin_goodbye(self, intended: Outcome, at_ms: float) -> None:
        """The model wants to end the stream; it ends once the goodbye is heard."""
        parts = self._parts
        spoken = parts.turns.agent_spoke_last
        if not parts.ending.goodbye_requested(intended, spoken=spoken):
            return
        parts.start(Timer.GOODBYE_ENDS)
        if not spoken:
            parts.start(Timer.GOODBYE_BEGINS)
        self.after_playback(at_ms)

    def agent_spoke(self) -> None:
        """Audio of the agent has come: a goodbye, or, after an answer to it, more conversation."""
        parts = self._parts
        if parts.ending.phase is Phase.ANSWERED:
            self.withdraw_goodbye()
        parts.ending.agent_spoke()
        parts.cancel(Timer.GOODBYE_BEGINS)

    def generation_completed(self, at_ms: float) -> None:
        """All of the goodbye has been sent: from now on it is known how long it may take."""
        parts = self._parts
        if parts.ending.phase is Phase.GOODBYE and Timer.GOODBYE_ENDS in parts.deadlines.running():
            left_ms = (parts.playback.sent - parts.playback.heard(at_ms)) / BYTES_PER_MS
            parts.cancel(Timer.GOODBYE_ENDS)
            parts.start(Timer.GOODBYE_ENDS, left_ms + _AFTER_PLAYBACK_MS)

    def after_playback(self, at_ms: float) -> None:
        """End the session if its goodbye is heard, unless the caller is speaking just now."""
        parts = self._parts
        if not self._goodbye_is_said():
            return
        if not parts.speech.speaking:
            self.finish(parts.ending.intended, at_ms)
            return
        parts.ending.goodbye_answered()
        parts.cancel(Timer.GOODBYE_ENDS)
        parts.start(Timer.GOODBYE_ENDS)

    def caller_stopped_speaking(self) -> None:
        """Whether the caller said "bye" or "wait" is the model's to tell: by speaking or not."""
        if self._parts.ending.phase is Phase.ANSWERED:
            self._parts.start(Timer.GOODBYE_ANSWERED)

    def withdraw_goodbye(self) -> None:
        parts = self._parts
        if parts.ending.goodbye_withdrawn():
            parts.cancel(Timer.GOODBYE_BEGINS, Timer.GOODBYE_ENDS, Timer.GOODBYE_ANSWERED)

    def goodbye_timer_fired(self, at_ms: float) -> None:
        self.finish(self._parts.ending.intended, at_ms)

    def forgotten_timer_fired(self, at_ms: float) -> None:
        self.finish(HANG_UP, at_ms)

    def finish_because(self, reason: EndReason, at_ms: float) -> None:
        self.finish(Outcome(reason, OUTCOMES[reason]), at_ms)

    def finish(self, outcome: Outcome, at_ms: float) -> None:
        """The conversation is over: stop everything, and have the rest of the record written."""
        parts = self._parts
        if not parts.ending.finish(outcome):
            return
        parts.link.closed()
        cancelled = parts.ledger.cancel_all(at_ms)
        for run in parts.ledger.abandoned():
            self._parts.do(CancelTool(run))
        parts.cancel(*parts.deadlines.running())
        self._parts.do(CloseModel())
        heard_to = parts.playback.heard(at_ms)
        changes = CallChanges(
            turns=parts.turns.close(at_ms, heard_to, parts.speech.last_voiced_ms),
            tool_calls=cancelled,
            usage=parts.usage,
            talk_s=round(at_ms / 1_000),
            cost_usd=round(cost_usd(parts.usage), 6),
            status=CallStatus.ENDED if outcome.next is not None else None,
            end_reason=outcome.reason,
            next=outcome.next,
            transfer_to=outcome.transfer_to,
        )
        self._parts.do(SaveCall(changes, final=True))
        parts.start(Timer.FINAL_SAVE)

    def save_settled(self) -> None:
        self._parts.cancel(Timer.FINAL_SAVE)
        outcome = self._parts.ending.saved()
        if outcome is not None:
            self._parts.do(CloseStream(outcome.next))

    def _goodbye_is_said(self) -> bool:
        parts = self._parts
        return parts.ending.goodbye_said(
            generating=parts.link.generating, playing=not parts.playback.idle
        )

"""Ends the stream after a goodbye that is heard out, or with a hand-over between two turns.

Then everything stops, the record is saved, and the stream is closed. Every step is guaranteed to
happen.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ringdown.calls import CallChanges, CallStatus, EndReason
from ringdown.gemini.prices import cost_usd
from stream_handler.call.actions import CloseModel, CloseStream, SaveCall
from stream_handler.call.effects import Effects
from stream_handler.call.playback import BYTES_PER_MS, Playback
from stream_handler.call.situation import Situation, Survey
from stream_handler.call.speech import SpeechDetector
from stream_handler.call.state import HANG_UP, OUTCOMES, CallState, Outcome, Phase
from stream_handler.call.timers import AFTER_GOODBYE_MS, Timer, answer_ms
from stream_handler.call.tool_ledger import ToolLedger
from stream_handler.call.transcript import Transcript

_LONGEST_BYE_MS = 1_000.0
_MOST_WORDS_OF_A_BYE = 2


def ends_in_farewell(text: str, farewells: Sequence[str]) -> bool:
    """Whether the last sentence ends in one of `farewells`, which are in lower case.

    "Goodbye" and "Thank you for calling, goodbye!" do; "Goodbye?" and "say goodbye to fees" don't.
    """
    spoken = text.rstrip().lower()
    if spoken.endswith("?"):
        return False
    last = _NO_WORD.sub(" ", spoken).strip()
    return any(last == bye or last.endswith(f" {bye}") for bye in farewells)


_NO_WORD = re.compile(r"[^\w']+")


@dataclass(slots=True, eq=False)
class Goodbye:
    """Decides when the conversation is over. From then on, only the final save is pending."""

    effects: Effects
    state: CallState
    transcript: Transcript
    playback: Playback
    speech: SpeechDetector
    ledger: ToolLedger
    survey: Survey
    farewells: tuple[str, ...]
    """Farewells in the agent's language, in lower case."""

    def begin_goodbye(self, intended: Outcome, at_ms: float) -> None:
        """End the stream at the model's request, once its goodbye has been heard."""
        spoken = self.transcript.agent_spoke_last
        if self.state.ending.goodbye_cut_off:
            self.withdraw_goodbye()  # and start over
        if not self.state.ending.goodbye_requested(intended, spoken=spoken):
            return
        self.effects.start(Timer.GOODBYE_ENDS)
        if not spoken:
            self.effects.start(Timer.GOODBYE_BEGINS, answer_ms(self.state.call.agent))
        self.after_playback(at_ms)

    def agent_spoke(self) -> None:
        """Note that the agent speaks: its goodbye or, if that was answered, something new."""
        if self.state.ending.phase is Phase.ANSWERED:
            self.withdraw_goodbye()
        self.state.ending.agent_spoke()
        self.effects.cancel(Timer.GOODBYE_BEGINS)

    def generation_completed(self, at_ms: float) -> None:
        """Reset the time limit: the whole goodbye was sent, so we know how long it can take."""
        if self.state.ending.goodbye_begun and self.effects.running(Timer.GOODBYE_ENDS):
            left_ms = (self.playback.sent - self.playback.heard(at_ms)) / BYTES_PER_MS
            self.effects.restart(Timer.GOODBYE_ENDS, left_ms + AFTER_GOODBYE_MS)

    def after_playback(self, at_ms: float) -> None:
        """End the session if the goodbye has been heard, unless the caller has answered it."""
        if not self.survey.now(at_ms).goodbye_is_heard:
            return
        if self.speech.speaking:
            self._answered(cut_off=False)
        elif self._spoke_into_goodbye():
            self._answered(cut_off=False)
            self.effects.start(Timer.GOODBYE_ANSWERED)
            self.caller_said(self.transcript.caller_text_so_far)
        else:
            self.finish(self.state.ending.intended, at_ms)

    def _spoke_into_goodbye(self) -> bool:
        """Whether the caller said more than "bye", so that the model may be about to answer it."""
        since_ms, said = self.transcript.caller_since_ms, self.state.utterance
        if since_ms is None:
            return False
        if self.transcript.caller_waits:
            return True
        is_new = said is not None and said.sounds_spoken and said.onset_ms >= since_ms
        return said is not None and is_new and said.length_ms >= _LONGEST_BYE_MS

    def interrupted(self) -> None:
        """Note that the model stopped during its goodbye, or before beginning one."""
        ending = self.state.ending
        if ending.goodbye_begun:
            self._answered(cut_off=True)
            if not self.speech.speaking:
                self.effects.start(Timer.GOODBYE_ANSWERED)
        elif ending.phase is Phase.GOODBYE:
            self.withdraw_goodbye()

    def _answered(self, *, cut_off: bool) -> None:
        self.state.ending.goodbye_answered(cut_off=cut_off)
        self.effects.restart(Timer.GOODBYE_ENDS)

    def caller_stopped_speaking(self, length_ms: float) -> None:
        """Let the model decide, by speaking or not, whether the caller said "bye" or "wait".

        It gets more time after anything too long to be a "bye".
        """
        if self.state.ending.phase is Phase.ANSWERED:
            is_long = length_ms >= _LONGEST_BYE_MS
            self.effects.start(Timer.GOODBYE_ANSWERED, self._for_more_ms() if is_long else None)

    def caller_said(self, text: str) -> None:
        """Note the caller's words: we wait longer after a question than after a farewell."""
        if self.state.ending.phase is Phase.ANSWERED and not self.speech.speaking:
            asks = len(text.split()) > _MOST_WORDS_OF_A_BYE and not ends_in_farewell(
                text, self.farewells
            )
            self.effects.restart(Timer.GOODBYE_ANSWERED, self._for_more_ms() if asks else None)

    def tool_requested(self) -> None:
        """Continue the call: the model has reacted to what the caller said during its goodbye."""
        if self.state.ending.phase is Phase.ANSWERED:
            self.withdraw_goodbye()

    def _for_more_ms(self) -> float:
        return answer_ms(self.state.call.agent)

    def withdraw_goodbye(self) -> None:
        if self.state.ending.goodbye_withdrawn():
            self.effects.cancel(Timer.GOODBYE_BEGINS, Timer.GOODBYE_ENDS, Timer.GOODBYE_ANSWERED)

    def goodbye_timer_fired(self, at_ms: float) -> None:
        self.finish(self.state.ending.intended, at_ms)

    def forgotten_timer_fired(self, at_ms: float) -> None:
        self.finish(HANG_UP, at_ms)

    def finish_because(self, reason: EndReason, at_ms: float) -> None:
        self.finish(Outcome(reason, OUTCOMES[reason]), at_ms)

    def finish(self, outcome: Outcome, at_ms: float) -> None:
        """End the conversation: stop everything but tools, and save the rest of the record."""
        if not self.state.ending.finish(outcome):
            return
        self.state.link.close()
        cancelled = self.ledger.cancel_all(at_ms)
        self.effects.cancel_all()
        self.effects.do(CloseModel())
        heard_to = self.playback.heard(at_ms)
        changes = CallChanges(
            turns=self.transcript.close(at_ms, heard_to, self.speech.last_voiced_ms),
            tool_calls=cancelled,
            usage=self.state.usage,
            talk_s=round(at_ms / 1_000),
            cost_usd=round(cost_usd(self.state.usage), 6),
            status=CallStatus.ENDED if outcome.next is not None else None,
            end_reason=outcome.reason,
            next=outcome.next,
            transfer_to=outcome.transfer_to,
            transfer_reason=outcome.transfer_reason,
        )
        self.effects.do(SaveCall(changes, final=True))
        self.effects.start(Timer.FINAL_SAVE)

    def save_settled(self) -> None:
        self.effects.cancel(Timer.FINAL_SAVE)
        outcome = self.state.ending.saved()
        if outcome is not None:
            self.effects.do(CloseStream(outcome.next))


@dataclass(slots=True, eq=False)
class HandOver:
    """Hands the call over to another handler without cutting anyone off.

    Waits for the end of a turn, within a limit. The next handler continues from what was heard by
    then. If a goodbye is under way, the call ends with that instead.
    """

    effects: Effects
    state: CallState
    goodbye: Goodbye

    def request(self, at_ms: float, within_ms: float) -> None:
        self.state.hand_over_requested = True
        if within_ms > 0:
            self.effects.restart(Timer.HAND_OVER, within_ms)
        else:
            self.effects.cancel(Timer.HAND_OVER)
            self.time_over(at_ms)

    def watch_turns(self, now: Situation, at_ms: float) -> None:
        """Hand over between two turns, if a hand-over was requested."""
        if self.state.hand_over_requested and now.is_between_turns:
            self.goodbye.finish_because(EndReason.HANDLER_STOPPED, at_ms)

    def time_over(self, at_ms: float) -> None:
        if self.state.talking:
            self.goodbye.finish_because(EndReason.HANDLER_STOPPED, at_ms)
        else:
            self.goodbye.goodbye_timer_fired(at_ms)

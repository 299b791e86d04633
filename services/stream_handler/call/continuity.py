"""Carries the conversation over from one session of the model to the next.

Sessions end: the service says so (go-away), the connection breaks, the model falls silent. The next
one is told what it has not heard, and what the caller said without an answer it hears again.
"""

from ringdown.calls import GO_AWAY, CallChanges, EndReason, Reconnect, Resumption
from stream_handler.call import catching_up, model_config
from stream_handler.call.actions import (
    CloseModel,
    ConnectModel,
    SaveCall,
    SendModelAudio,
    SendModelText,
    UpdateModelContext,
)
from stream_handler.call.closing import Closing
from stream_handler.call.conversation import Conversation
from stream_handler.call.deadlines import Timer
from stream_handler.call.ending import Phase
from stream_handler.call.events import (
    GoAwayReceived,
    ModelConnectFailed,
    ModelDisconnected,
    ResumptionUpdated,
)
from stream_handler.call.model_link import LinkNews, LinkState
from stream_handler.call.parts import Parts
from stream_handler.call.playback import BYTES_PER_MS
from stream_handler.call.watchdog import REST_MS, Remedy

_FIRST_WITHIN_MS = 8_000.0
_AGAIN_WITHIN_MS = 4_000.0
_LEAVE_BEFORE_MS = 10_000.0
"""What must be left of a go-away's time when the session is left."""
_BEFORE_ONSET_MS = 300.0
_UNSURE_MS = 500.0  # sent, but perhaps not heard; and a word that has just begun
_NO_VOICE_MS = 3_000.0
_SILENT = "the model was silent"


class Continuity:
    """Opens sessions, replaces them, and watches that the model answers."""

    def __init__(self, parts: Parts, closing: Closing, conversation: Conversation) -> None:
        self._parts = parts
        self._closing = closing
        self._conversation = conversation
        self._leaving = False
        """The service will close the session; it is left when nobody speaks."""
        self._cut = False
        """The session ended in the middle of a reply."""
        self._why = ""
        self._deaf_since_ms: float | None = None
        """Since when no session listens."""
        self._dialled_ms = 0.0
        """When the session was opened that is there or under way: it knows what was until then."""
        self._told = ""
        self._background = ""

    # Opening

    def begin(self, at_ms: float) -> None:
        self._connect(at_ms, _FIRST_WITHIN_MS)

    def connected(self, at_ms: float) -> None:
        parts = self._parts
        before = parts.link.state
        if not parts.link.take(LinkNews.CONNECTED):
            return
        parts.reconnects.connected(at_ms)
        if before is LinkState.MOVING:
            self._session_over(at_ms, GO_AWAY)
        self._leaving = False
        parts.cancel(Timer.RECONNECT, Timer.GO_AWAY)
        self._note_reconnect(at_ms)
        if parts.turns.agent_has_spoken:
            if before is LinkState.CONNECTING:
                self._conversation.go_on_listening()
            self._catch_up(at_ms)
        else:
            self._conversation.open(at_ms)
        self.tell_instructions(at_ms)

    def connect_failed(self, event: ModelConnectFailed) -> None:
        parts = self._parts
        before = parts.link.state
        if not parts.link.take(LinkNews.FAILED):
            return
        pause_ms = parts.reconnects.failed(event.at_ms, event.code)
        if before is LinkState.MOVING:
            parts.start(Timer.RECONNECT, pause_ms or _UNSURE_MS)
        elif pause_ms is None:
            first = before is LinkState.CONNECTING
            reason = EndReason.MODEL_UNAVAILABLE if first else EndReason.MODEL_LOST
            self._closing.finish_because(reason, event.at_ms)
        elif pause_ms == 0:
            self._connect(event.at_ms)
        else:
            parts.start(Timer.RECONNECT, pause_ms)

    def try_again(self, at_ms: float) -> None:
        """The pause after a failure is over."""
        if self._parts.link.listening:
            self._leave(at_ms, GO_AWAY)
        else:
            self._connect(at_ms)

    def tell_instructions(self, at_ms: float) -> None:
        """Let the model know the present instructions, once it listens."""
        call = self._parts.call
        if self._parts.link.listening and call.agent.instructions != self._told:
            self._told = call.agent.instructions
            instructions = model_config.instructions_for(call, at_ms)
            self._parts.do(UpdateModelContext(instructions + self._background))

    def _connect(self, at_ms: float, within_ms: float = _AGAIN_WITHIN_MS) -> None:
        parts = self._parts
        handle = parts.reconnects.next_handle()
        self._background = self._untold(handle)
        self._told = parts.call.agent.instructions
        self._dialled_ms = at_ms
        config = model_config.session_config(
            parts.call,
            at_ms,
            background=self._background,
            handle=None if handle is None else handle.handle,
        )
        self._parts.do(ConnectModel(config, within_ms))

    def _untold(self, handle: Resumption | None) -> str:
        parts = self._parts
        from_ms = -1.0 if handle is None else handle.at_ms
        return catching_up.background(
            parts.turns.since(from_ms, with_unanswered=self._was_acted_on()),
            parts.results.since(from_ms),
        )

    def _was_acted_on(self) -> bool:
        """Whether the model has called tools for what the caller said last.

        Then a new session does not hear that again, for it would call them again.
        """
        onset_ms = self._parts.turns.caller_since_ms
        return onset_ms is not None and self._parts.results.called_since(onset_ms)

    # Leaving

    def resumable(self, event: ResumptionUpdated) -> None:
        resumption = Resumption(handle=event.handle, at_ms=round(event.at_ms))
        self._parts.reconnects.resumable(resumption)
        self._parts.do(SaveCall(CallChanges(resumption=resumption)))

    def go_away(self, event: GoAwayReceived) -> None:
        parts = self._parts
        if parts.link.state is not LinkState.LISTENING:
            return
        self._leaving = True
        left_ms = event.left_ms - _LEAVE_BEFORE_MS
        if left_ms > 0:
            parts.cancel(Timer.GO_AWAY)
            parts.start(Timer.GO_AWAY, left_ms)
        else:
            self._leave(event.at_ms, GO_AWAY)

    def go_away_timer_fired(self, at_ms: float) -> None:
        self._leave(at_ms, GO_AWAY)

    def disconnected(self, event: ModelDisconnected) -> None:
        parts = self._parts
        under_way = parts.link.state is LinkState.MOVING
        if not parts.link.take(LinkNews.LOST):
            return
        if parts.ending.phase is not Phase.TALKING:
            # What ends by itself needs no model any more; what was sent is all of the goodbye.
            parts.link.closed()
            self._parts.do(CloseModel())
            self._conversation.turn_completed(event.at_ms)
            return
        self._session_over(event.at_ms, event.reason)
        if not under_way:
            self._connect_in_its_place(event.at_ms)

    def _leave(self, at_ms: float, why: str) -> None:
        """Replace a session that is still there."""
        parts = self._parts
        if parts.link.state is not LinkState.LISTENING or parts.ending.phase is not Phase.TALKING:
            return
        if why == GO_AWAY and not parts.reconnects.resumes:
            if parts.reconnects.replace(at_ms):
                parts.link.take(LinkNews.MOVE)
                self._connect(at_ms)
            return
        parts.link.take(LinkNews.LEFT)
        self._session_over(at_ms, why)
        self._connect_in_its_place(at_ms)

    def _session_over(self, at_ms: float, why: str) -> None:
        """No more comes of the session, whatever it was about to say."""
        parts = self._parts
        self._why, self._deaf_since_ms = why, at_ms
        self._leaving = False
        parts.cancel(Timer.ANSWER, Timer.GO_AWAY)
        self._cut = parts.link.generating
        if self._cut and parts.turns.answered_in_the_dark:
            self._cut = False
            self._conversation.interrupted(at_ms)
            parts.turns.reopen_caller()
        self._conversation.turn_completed(at_ms)

    def _connect_in_its_place(self, at_ms: float) -> None:
        if not self._parts.reconnects.replace(at_ms):
            self._closing.finish_because(EndReason.MODEL_LOST, at_ms)
            return
        self._parts.do(CloseModel())
        self._connect(at_ms)

    # Catching up

    def _note_reconnect(self, at_ms: float) -> None:
        if self._deaf_since_ms is None:
            return
        parts = self._parts
        took_ms = round(at_ms - self._deaf_since_ms)
        made = Reconnect(at_ms=round(at_ms), took_ms=took_ms, reason=self._why)
        parts.note_reconnect(made)
        self._parts.do(SaveCall(CallChanges(reconnects=parts.call.reconnects)))

    def _catch_up(self, at_ms: float) -> None:
        """Have the new session say or hear what is due."""
        parts = self._parts
        deaf_since_ms = at_ms if self._deaf_since_ms is None else self._deaf_since_ms
        self._deaf_since_ms, cut, self._cut = None, self._cut, False
        from_ms = deaf_since_ms - _UNSURE_MS
        onset_ms = parts.turns.caller_since_ms
        waits = parts.turns.caller_waits or parts.speech.speaking
        results = parts.results.since(self._dialled_ms)
        if results:
            self._ask(catching_up.results_prompt(results))
        elif parts.ledger.busy:
            pass
        elif waits and onset_ms is not None:
            if self._was_acted_on():
                self._ask(catching_up.ANSWER_PROMPT)
            else:
                from_ms = min(onset_ms - _BEFORE_ONSET_MS, from_ms)
                parts.turns.caller_is_heard_again()
        elif cut:
            self._ask(catching_up.go_on_prompt(parts.turns.latest_agent_text))
        elif self._why == _SILENT:
            self._ask(catching_up.SPEAK_PROMPT)
        if not parts.keypad.hides_the_caller:
            for pcm in parts.ring.since(from_ms):
                self._parts.do(SendModelAudio(pcm))

    def _ask(self, text: str) -> None:
        self._parts.watchdog.asked()
        self._parts.do(SendModelText(text))

    # Watching

    def interrupted(self, at_ms: float) -> None:
        parts = self._parts
        voiced_ms = parts.speech.last_voiced_ms
        nobody = voiced_ms is None or at_ms - voiced_ms > _NO_VOICE_MS
        if nobody and (parts.link.generating or not parts.playback.idle):
            parts.watchdog.interrupted_by_nobody()
        self._conversation.interrupted(at_ms)

    def look(self, at_ms: float) -> None:
        """Do what the state of the call asks for: wait for an answer, or leave."""
        if self._parts.turns.caller_since_ms is not None:
            self._parts.watchdog.caller_spoke()
        patience_ms = self._patience_ms()
        if patience_ms is None:
            self._parts.cancel(Timer.ANSWER)
        else:
            self._parts.start(Timer.ANSWER, patience_ms)
        if self._leaving and self._may_leave() and Timer.RECONNECT not in self._running():
            self._leave(at_ms, GO_AWAY)

    def answer_timer_fired(self, at_ms: float) -> None:
        """The model owes something and is silent."""
        parts = self._parts
        if parts.link.generating and (more_ms := self._reply_may_take_ms(at_ms)) > 0:
            parts.start(Timer.ANSWER, more_ms)
            return
        match parts.watchdog.lost_patience(broken_off=parts.link.generating):
            case Remedy.ASK if parts.watchdog.cut_short:
                self._parts.do(
                    SendModelText(catching_up.go_on_prompt(parts.turns.latest_agent_text))
                )
            case Remedy.ASK:
                self._parts.do(SendModelText(catching_up.SPEAK_PROMPT))
            case Remedy.REPLACE:
                self._leave(at_ms, _SILENT)
            case Remedy.GIVE_UP:
                self._closing.finish_because(EndReason.MODEL_LOST, at_ms)

    def _patience_ms(self) -> float | None:
        parts = self._parts
        if not (
            parts.link.listening
            and parts.turns.agent_has_spoken
            and parts.ending.phase is Phase.TALKING
            and (parts.playback.idle or parts.link.generating)
            and not parts.speech.speaking
            and not parts.ledger.busy
        ):
            return None
        return parts.watchdog.patience_ms(
            caller_waits=parts.turns.caller_waits, broken_off=parts.link.generating
        )

    def _reply_may_take_ms(self, at_ms: float) -> float:
        """How long the reply may still go on without more of it: 0 if it should have long since."""
        playback = self._parts.playback
        to_play_ms = (playback.sent - playback.heard(at_ms)) / BYTES_PER_MS
        return max(to_play_ms, self._parts.link.last_audio_ms + REST_MS - at_ms, 0.0)

    def _may_leave(self) -> bool:
        """Nobody speaks, nobody waits, and no tool runs."""
        parts = self._parts
        return not (
            parts.speech.speaking
            or parts.link.generating
            or parts.ledger.busy
            or parts.turns.caller_waits
        )

    def _running(self) -> tuple[Timer, ...]:
        return self._parts.deadlines.running()

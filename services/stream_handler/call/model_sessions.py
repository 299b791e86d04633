"""Opens the model's sessions, and carries the conversation from one to the next.

A session ends when the service announces it (go-away), the connection breaks or the model falls
silent. The next one learns what it missed, and hears again whatever the caller said without
getting a reply.
"""

from dataclasses import dataclass

from msgspec.structs import replace

from ringdown.calls import (
    GO_AWAY,
    NO_SOUND,
    CallChanges,
    EndReason,
    Reconnect,
    Resumption,
    Speaker,
)
from stream_handler.call import model_config, prompts
from stream_handler.call.actions import (
    CloseModel,
    ConnectModel,
    SaveCall,
    SendModelAudio,
    UpdateModelContext,
)
from stream_handler.call.conversation import Conversation
from stream_handler.call.effects import Effects
from stream_handler.call.events import (
    AgentEdited,
    GoAwayReceived,
    ModelAudio,
    ModelConnectFailed,
    ModelDisconnected,
    ResumptionUpdated,
    StreamStarted,
    TurnCompleted,
)
from stream_handler.call.goodbye import Goodbye
from stream_handler.call.keypad import Keypad
from stream_handler.call.playback import BYTES_PER_MS, Playback
from stream_handler.call.reconnect import Reconnects
from stream_handler.call.situation import Situation
from stream_handler.call.speech import ReplayRing, SpeechDetector
from stream_handler.call.state import CallState, LinkNews, LinkState, LinkStep
from stream_handler.call.timers import (
    AFTER_CLIP_MS,
    LEAVE_BEFORE_MS,
    MOVE_AGAIN_MS,
    REPLY_PAUSE_MS,
    Timer,
)
from stream_handler.call.tool_ledger import ToolLedger
from stream_handler.call.transcript import Transcript
from stream_handler.call.uploads import Uploads
from stream_handler.call.watchdog import Remedy, Watchdog

_FIRST_WITHIN_MS = 8_000.0
_AGAIN_WITHIN_MS = 4_000.0
_BEFORE_ONSET_MS = 300.0
_UNSURE_MS = 500.0  # sent, but perhaps not heard; also covers a word that has just begun
_NO_VOICE_MS = 3_000.0
_RECAP_TURNS = 2
_SILENT = "the model was silent"
_TONE = "the model sent a tone instead of a voice"


@dataclass(slots=True, eq=False)
class ModelSessions:
    """Opens and replaces sessions, and makes sure that the model answers."""

    effects: Effects
    state: CallState
    transcript: Transcript
    playback: Playback
    speech: SpeechDetector
    ring: ReplayRing
    keypad: Keypad
    ledger: ToolLedger
    reconnects: Reconnects
    watchdog: Watchdog
    goodbye: Goodbye
    conversation: Conversation
    uploads: Uploads

    # Opening

    def begin(self, event: StreamStarted) -> None:
        self.reconnects.begin(event.at_ms, event.endpoints)
        if self.state.clip_bytes:
            self.state.unheard_since_ms = event.at_ms  # they may speak before it is open
        self._connect(event.at_ms, _FIRST_WITHIN_MS)

    def connected(self, at_ms: float) -> None:
        before = self.state.link.state
        if not self.state.link.take(LinkNews.CONNECTED):
            return
        moved = self.reconnects.connected(at_ms)
        if before is LinkState.MOVING:
            self._session_over(at_ms, GO_AWAY)
        self.state.leaving = False
        self.effects.cancel(Timer.RECONNECT, Timer.GO_AWAY)
        self.watchdog.connected()
        is_first = before is LinkState.CONNECTING
        if moved or (self.state.unheard_since_ms is not None and not is_first):
            self._note_reconnect(at_ms)
        self.uploads.session_is_open()
        if self.transcript.agent_has_spoken:
            if is_first and not self.state.clip_bytes:
                self.conversation.go_on_listening()
            self._catch_up(at_ms)
        else:
            self.conversation.open(at_ms)
        self._tell_instructions(at_ms)

    def connect_failed(self, event: ModelConnectFailed) -> None:
        before = self.state.link.state
        if not self.state.link.take(LinkNews.FAILED):
            return
        pause_ms = self.reconnects.failed(event.at_ms, event.code, event.reason)
        if before is LinkState.CONNECTING:
            self.state.replaced_because = event.reason
        if before is LinkState.MOVING:
            self.effects.start(Timer.RECONNECT, pause_ms or MOVE_AGAIN_MS)
        elif pause_ms is None:
            first = before is LinkState.CONNECTING
            reason = EndReason.MODEL_UNAVAILABLE if first else EndReason.MODEL_LOST
            why = self.reconnects.why(event.reason)
            self.effects.do(SaveCall(CallChanges(model_error=why)))
            if first and self.conversation.clip_plays:
                left_ms = (self.playback.sent - self.playback.heard(event.at_ms)) / BYTES_PER_MS
                self.effects.start(Timer.FIRST_WORD, left_ms + AFTER_CLIP_MS)
            else:
                self.goodbye.finish_because(reason, event.at_ms)
        elif pause_ms == 0:
            self._connect(event.at_ms)
        else:
            self.effects.start(Timer.RECONNECT, pause_ms)

    def _gave_up(self) -> bool:
        """Whether there will be no session and the call only waits for the greeting to end."""
        connecting = self.state.link.state is LinkState.CONNECTING
        return connecting and self.effects.running(Timer.FIRST_WORD)

    def try_again(self, at_ms: float) -> None:
        """Dial again: the pause after a failure is over."""
        if self.state.link.listening:
            self._leave(at_ms, GO_AWAY)
        else:
            self._connect(at_ms)

    def agent_edited(self, event: AgentEdited) -> None:
        """Change only the instructions: a new voice or limit in mid-call would be confusing."""
        state = self.state
        if event.revision == state.revision:
            return
        state.revision = event.revision
        agent = replace(
            state.call.agent,
            instructions=event.agent.instructions,
            time_zone=event.agent.time_zone,  # instructions may mention both time and hours
            opening_hours=event.agent.opening_hours,
        )
        revisions = (*state.call.applied_revisions, event.revision)
        state.call = replace(state.call, agent=agent, applied_revisions=revisions)
        self._tell_instructions(event.at_ms)
        self.effects.do(SaveCall(CallChanges(applied_revisions=revisions)))

    def _tell_instructions(self, at_ms: float) -> None:
        """Send the model its instructions if they have changed since it last got them."""
        call = self.state.call
        if self.state.link.listening and call.agent.instructions != self.state.sent_instructions:
            self.state.sent_instructions = call.agent.instructions
            instructions = model_config.instructions_for(call, at_ms)
            self.effects.do(UpdateModelContext(instructions + self.state.sent_background))

    def _connect(self, at_ms: float, most_ms: float = _AGAIN_WITHIN_MS) -> None:
        handle = self.reconnects.next_handle()
        self.state.sent_background = self._unheard(handle)
        self.uploads.session_opens(-1.0 if handle is None else handle.at_ms)
        if handle is None:
            self.effects.untold = ""  # already in the history
        self.state.sent_instructions = self.state.call.agent.instructions
        self.state.opened_ms = at_ms
        config = model_config.session_config(
            self.state.call,
            at_ms,
            background=self.state.sent_background,
            handle=None if handle is None else handle.handle,
        )
        within_ms = self.reconnects.within_ms(at_ms, most_ms)
        self.effects.do(ConnectModel(config, within_ms, self.reconnects.endpoint))

    def _unheard(self, handle: Resumption | None) -> str:
        """Return what a new session needs to know about the call.

        A resumed session usually knows it all but may have forgotten, so it gets the last words.
        """
        from_ms = -1.0 if handle is None else handle.at_ms
        said = self.transcript.since(from_ms, with_unanswered=self._was_acted_on())
        if handle is not None and not said:
            said = self.transcript.since(-1.0, with_unanswered=False)[-_RECAP_TURNS:]
        results = self.ledger.results_since(from_ms)
        only_agent = not results and [turn.speaker for turn in said] == [Speaker.AGENT]
        if self.state.clip_bytes and handle is None and only_agent:
            return prompts.greeted(said[0].text)  # by the clip, and nothing has been said since
        share = self.reconnects.told_share if handle is None else 1.0
        return prompts.background(said, results, share)

    def _was_acted_on(self) -> bool:
        """Whether the model has called tools because of what the caller said last.

        If so, a new session must not hear it again, or it would call them again.
        """
        onset_ms = self.transcript.caller_since_ms
        return onset_ms is not None and self.ledger.called_since(onset_ms)

    # Leaving

    def resumable(self, event: ResumptionUpdated) -> None:
        resumption = self.reconnects.resumable(event.handle, event.at_ms)
        self.effects.do(SaveCall(CallChanges(resumption=resumption)))

    def go_away(self, event: GoAwayReceived) -> None:
        if self.state.link.state is not LinkState.LISTENING:
            return
        left_ms = event.left_ms - LEAVE_BEFORE_MS
        self.state.leaving = self.reconnects.go_away_is_new(event.at_ms)
        if left_ms > 0:
            self.effects.restart(Timer.GO_AWAY, left_ms)
        else:
            self._leave(event.at_ms, GO_AWAY)

    def go_away_timer_fired(self, at_ms: float) -> None:
        self._leave(at_ms, GO_AWAY)

    def disconnected(self, event: ModelDisconnected) -> None:
        under_way = self.state.link.state is LinkState.MOVING
        if not self.state.link.take(LinkNews.LOST):
            return
        if not self.state.talking:
            # A stream that is ending needs no model; what was sent is the whole goodbye.
            self.state.link.close()
            self.effects.do(CloseModel())
            self.conversation.turn_completed(event.at_ms)
            return
        announced = under_way or self.effects.running(Timer.GO_AWAY)
        if not self.reconnects.told_too_much(event.code) and not announced:
            self.reconnects.broke(event.at_ms)
        self._session_over(event.at_ms, event.reason)
        if not under_way:
            self._connect_in_its_place(event.at_ms)

    def _leave(self, at_ms: float, why: str) -> None:
        """Replace a session that is still connected."""
        if self.state.link.state is not LinkState.LISTENING or not self.state.talking:
            return
        if why == GO_AWAY and not self.reconnects.resumes:
            if self.reconnects.replace(at_ms):
                self.state.link.step(LinkStep.MOVE)
                self._connect(at_ms)
            return
        self.state.link.step(LinkStep.LEAVE)
        self._session_over(at_ms, why)
        self._connect_in_its_place(at_ms)

    def _session_over(self, at_ms: float, why: str) -> None:
        """Finish what the session had begun: nothing more will come from it."""
        self.state.replaced_because, self.state.unheard_since_ms = why, at_ms
        self.state.leaving = False
        self.effects.cancel(Timer.ANSWER, Timer.GO_AWAY)
        self.state.cut_off = self.state.link.generating or why == _TONE
        if self.state.cut_off and self.transcript.answered_before_transcript:
            self.state.cut_off = False
            self.conversation.interrupted(at_ms)
            self.transcript.reopen_caller()
        self.conversation.turn_completed(at_ms)

    def _connect_in_its_place(self, at_ms: float) -> None:
        if not self.reconnects.replace(at_ms):
            self.goodbye.finish_because(EndReason.MODEL_LOST, at_ms)
            return
        self.effects.do(CloseModel())
        self._connect(at_ms)

    # Catching up

    def _note_reconnect(self, at_ms: float) -> None:
        since_ms = self.state.unheard_since_ms
        if since_ms is None:
            since_ms = self.reconnects.outage_ms
        made = Reconnect(
            at_ms=round(at_ms),
            took_ms=round(at_ms - since_ms),
            reason=self.state.replaced_because,
            endpoint=self.reconnects.endpoint_name,
        )
        call = self.state.call
        self.state.call = replace(call, reconnects=(*call.reconnects, made))
        self.effects.do(SaveCall(CallChanges(reconnects=self.state.call.reconnects)))

    def _catch_up(self, at_ms: float) -> None:
        """Have the new session give the caller any reply they are owed, and hear what it missed."""
        unheard_since_ms = (
            at_ms if self.state.unheard_since_ms is None else self.state.unheard_since_ms
        )
        self.state.unheard_since_ms, cut, self.state.cut_off = None, self.state.cut_off, False
        from_ms = unheard_since_ms - _UNSURE_MS
        onset_ms = self.transcript.caller_since_ms
        waits = self.transcript.caller_waits or self.speech.speaking
        results = self.ledger.results_since(self.state.opened_ms)
        if results:
            self._ask(prompts.tool_results(results))
        elif self.ledger.busy:
            pass
        elif waits and onset_ms is not None:
            if self._was_acted_on():
                self._ask(prompts.REPLY_NOW)
            else:
                from_ms = min(onset_ms - _BEFORE_ONSET_MS, from_ms)
                self.transcript.caller_is_heard_again()
        elif uploaded := self.uploads.unanswered:
            self._ask(uploaded)
        elif cut:
            self._ask(prompts.go_on(self.transcript.latest_agent_text))
        elif self.state.replaced_because.startswith((_SILENT, NO_SOUND)):
            self._ask(prompts.SPEAK)
        if not self.keypad.hides_the_caller:
            for pcm in self.ring.since(from_ms):
                self.effects.do(SendModelAudio(pcm))

    def _ask(self, text: str) -> None:
        self.watchdog.asked()
        self.effects.tell_model(text)

    # Watching

    def model_audio(self, event: ModelAudio) -> None:
        if self._greets_again():
            self.conversation.drop_reply(event.at_ms)
            return
        self.conversation.model_audio(event)
        length_ms = len(event.mulaw) / BYTES_PER_MS
        steady = event.steady and event.audible
        if self.state.link.is_tone(length_ms, steady=steady) and self.state.talking:
            self.conversation.interrupted(event.at_ms)
            self._leave(event.at_ms, _TONE)

    def _greets_again(self) -> bool:
        """Whether the model is greeting the caller a second time.

        It knows that the caller has been greeted and has heard only silence since, but some models
        greet anyway.
        """
        asked = self.watchdog.owed or self.ledger.called_since(0.0)
        return self.conversation.clip_is_protected and not (asked or self.state.link.generating)

    def interrupted(self, at_ms: float) -> None:
        stops = self.state.link.generating or not self.playback.idle
        if stops and not self.conversation.clip_outlives_reply:
            if self._nobody_spoke(at_ms):
                self.watchdog.cut_short_by_little(at_ms)
            else:
                self.conversation.agent_stopped(at_ms)
        self.conversation.interrupted(at_ms)
        self.effects.cancel(Timer.ANSWER)  # stop waiting for the rest of the reply

    def _nobody_spoke(self, at_ms: float) -> bool:
        """Whether the reply was dropped although the caller hadn't spoken over it."""
        voiced_ms = self.speech.last_voiced_ms
        if voiced_ms is None or at_ms - voiced_ms > _NO_VOICE_MS:
            return True
        return not self.speech.speaking and not self.state.spoke_over_agent

    def turn_completed(self, event: TurnCompleted) -> None:
        was_empty = self.state.link.turn_is_empty
        self.conversation.turn_completed(event.at_ms)
        self.conversation.limits.watch_repetition(event.at_ms)
        if was_empty:
            self._turn_was_empty(event)

    def _turn_was_empty(self, event: TurnCompleted) -> None:
        """Handle a turn without a word: if a reply is owed, it means that none will come."""
        self.state.empty_because = event.reason
        if not self.transcript.agent_has_spoken:
            self.conversation.first_turn_is_empty()
        if self.transcript.caller_waits or self.watchdog.owed:
            self.watchdog.turn_was_empty()
            self.effects.cancel(Timer.ANSWER)

    def watch_model(self, now: Situation, at_ms: float) -> None:
        """Start or stop waiting for the model's next word; leave a session that is about to end."""
        if not now.playing and self._gave_up():
            self.goodbye.finish_because(EndReason.MODEL_UNAVAILABLE, at_ms)
            return
        if now.caller_waits:
            self.watchdog.caller_waits()
        patience_ms = self._patience_ms(now, at_ms) if now.model_may_owe_a_word else None
        if patience_ms is None:
            self.effects.cancel(Timer.ANSWER)
        else:
            self.effects.start(Timer.ANSWER, patience_ms)
        leave = self.state.leaving and now.session_may_be_left
        if leave and not self.effects.running(Timer.RECONNECT):
            self._leave(at_ms, GO_AWAY)

    def _patience_ms(self, now: Situation, at_ms: float) -> float | None:
        """How long the model may stay silent from now on; None if it owes nothing."""
        if now.generating:  # a reply has begun, then stopped arriving
            return REPLY_PAUSE_MS
        due_ms = self.watchdog.due_ms(
            at_ms,
            waits_since_ms=self.transcript.waits_since_ms if now.caller_waits else None,
            voiced_ms=self.speech.last_voiced_ms,
            agent_has_spoken=now.agent_has_spoken,
        )
        return None if due_ms is None else max(due_ms - at_ms, 0.0)

    def answer_timer_fired(self, at_ms: float) -> None:
        """Try the next remedy: the model owes the caller something and is silent."""
        if self.state.link.generating and (more_ms := self._reply_may_take_ms(at_ms)) > 0:
            self.effects.start(Timer.ANSWER, more_ms)
            return
        no_sound = self.watchdog.sound_is_silent
        match self.watchdog.lost_patience(broken_off=self.state.link.generating):
            case Remedy.ASK if self.watchdog.cut_short:
                said, last = self.transcript.caller_text_so_far, self.transcript.latest_agent_text
                self.effects.tell_model(prompts.go_on_after(said, last))
            case Remedy.ASK if not self.transcript.agent_has_spoken:
                self.conversation.open(at_ms)
            case Remedy.ASK:
                self.state.asked_to_speak = True
                self.effects.tell_model(prompts.SPEAK)
            case Remedy.REPLACE if no_sound:
                self._leave(at_ms, NO_SOUND)
            case Remedy.REPLACE:
                why = self.state.empty_because
                self._leave(at_ms, f"{_SILENT}: {why}" if why else _SILENT)
            case Remedy.GIVE_UP:
                self.goodbye.finish_because(EndReason.MODEL_LOST, at_ms)

    def _reply_may_take_ms(self, at_ms: float) -> float:
        """How long to wait for the rest of a reply; 0 if it should have come long ago."""
        playback = self.playback
        to_play_ms = (playback.sent - playback.heard(at_ms)) / BYTES_PER_MS
        return max(to_play_ms, self.state.link.last_audio_ms + REPLY_PAUSE_MS - at_ms, 0.0)

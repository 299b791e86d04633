"""StreamSession: one stream of one call, as a pure function of what has happened so far."""

from typing import assert_never

from msgspec.structs import replace

from ringdown.agents.clips import greeting_text
from ringdown.calls import Call, EndReason, Speaker, ToolCall, Turn
from stream_handler.call import prompts
from stream_handler.call.actions import Action
from stream_handler.call.conversation import Conversation
from stream_handler.call.effects import Effects
from stream_handler.call.events import (
    AgentEdited,
    CallerAudio,
    DrainRequested,
    DtmfReceived,
    Event,
    GenerationCompleted,
    GoAwayReceived,
    MarkReceived,
    ModelAudio,
    ModelConnected,
    ModelConnectFailed,
    ModelDisconnected,
    ModelInterrupted,
    NoAudio,
    PictureReceived,
    ResumptionUpdated,
    SaveDone,
    SaveFailed,
    StreamLost,
    StreamStarted,
    StreamStopped,
    TextReceived,
    TimerFired,
    ToolCallCancelled,
    ToolCallFinished,
    ToolCallRequested,
    TranscriptReceived,
    TurnCompleted,
    UsageReported,
)
from stream_handler.call.goodbye import Goodbye, HandOver
from stream_handler.call.keypad import Collected, Keypad, Typed
from stream_handler.call.limits import Limits, Words
from stream_handler.call.model_sessions import ModelSessions
from stream_handler.call.playback import Playback
from stream_handler.call.reconnect import Reconnects
from stream_handler.call.situation import Survey
from stream_handler.call.speech import Greeting, ReplayRing, SpeechDetector
from stream_handler.call.state import CallState
from stream_handler.call.timers import OLD_STREAM_WITHIN_MS, Timer
from stream_handler.call.tool_ledger import ToolLedger
from stream_handler.call.tools import ToolCalls
from stream_handler.call.transcript import Transcript
from stream_handler.call.uploads import Uploads
from stream_handler.call.waiting import Waiting
from stream_handler.call.watchdog import Watchdog


class StreamSession:
    """Takes events, returns actions. Holds no socket, clock, task or log; one per stream.

    `history` is what was said in earlier streams of the call, and `tool_calls` the calls made in
    them. After the CloseStream action the session is over: it saves the results of tools that are
    still running, and ignores every other event.
    """

    def __init__(
        self,
        call: Call,
        words: Words,
        history: tuple[Turn, ...] = (),
        tool_calls: tuple[ToolCall, ...] = (),
    ) -> None:
        self._effects = effects = Effects()
        self._state = state = CallState(call)
        # State: each object holds what is known about one subject
        transcript = Transcript(history, handed_over=_was_handed_over(call, history))
        playback = Playback()
        speech = SpeechDetector()
        greeting = Greeting(protected=call.agent.protect_greeting and not history)
        ring = ReplayRing()
        ledger = ToolLedger(call.call_sid, tool_calls, _agent_spoke_ms(history))
        reconnects = Reconnects(call.resumption)
        self._keypad = keypad = Keypad()
        self._watchdog = watchdog = Watchdog(call.agent)
        self._survey = survey = Survey(state, transcript, playback, speech, ledger, keypad)
        # Logic: each object calls only those created before it
        self._goodbye = goodbye = Goodbye(
            effects, state, transcript, playback, speech, ledger, survey, words.farewells
        )
        self._hand_over = HandOver(effects, state, goodbye)
        self._limits = limits = Limits(effects, state, words, transcript, ledger, goodbye, survey)
        self._waiting = waiting = Waiting(effects, state, ledger)
        self._conversation = conversation = Conversation(
            effects=effects,
            state=state,
            history=history,
            transcript=transcript,
            playback=playback,
            speech=speech,
            greeting=greeting,
            ring=ring,
            keypad=keypad,
            watchdog=watchdog,
            survey=survey,
            goodbye=goodbye,
            limits=limits,
            waiting=waiting,
        )
        self._uploads = uploads = Uploads(effects, state, history, transcript, watchdog, limits)
        self._sessions = ModelSessions(
            effects=effects,
            state=state,
            transcript=transcript,
            playback=playback,
            speech=speech,
            ring=ring,
            keypad=keypad,
            ledger=ledger,
            reconnects=reconnects,
            watchdog=watchdog,
            goodbye=goodbye,
            conversation=conversation,
            uploads=uploads,
        )
        self._tools = ToolCalls(
            effects=effects,
            state=state,
            transcript=transcript,
            playback=playback,
            keypad=keypad,
            ledger=ledger,
            reconnects=reconnects,
            watchdog=watchdog,
            goodbye=goodbye,
            uploads=uploads,
        )

    def as_recorded(self, event: Event) -> Event:
        """Return the next event without pictures, and without what is typed or said in secret."""
        match event:
            case PictureReceived():
                return replace(event, jpeg=bytes(len(event.jpeg)))
            case CallerAudio() if self._keypad.hides_the_caller:
                return replace(event, pcm=bytes(len(event.pcm)))
            case DtmfReceived():
                return replace(event, digit=self._keypad.as_recorded(event.digit))
            case TranscriptReceived(speaker=Speaker.CALLER) if self._keypad.hides_the_caller:
                return replace(event, text="")
            case _:
                return event

    def handle(self, event: Event) -> tuple[Action, ...]:
        """Return everything to do because of `event`, in order."""
        if self._state.ending.over:
            self._while_ending(event)
        else:
            self._while_talking(event)
        return self._effects.take_actions()

    def _while_talking(self, event: Event) -> None:
        match event:
            case CallerAudio():
                if self._conversation.caller_audio(event):
                    self._watch(event.at_ms)
            case _:
                self._dispatch(event)
                self._watch(event.at_ms)

    def _watch(self, at_ms: float) -> None:
        """Do what the situation now calls for, whichever event led to it."""
        now = self._survey.now(at_ms)
        self._limits.watch_silence(now, at_ms)
        self._limits.watch_clock(now)
        self._hand_over.watch_turns(now, at_ms)
        if self._state.ending.over:
            now = self._survey.now(at_ms)
        self._uploads.watch(now, at_ms)
        self._waiting.watch_wait(now)
        self._sessions.watch_model(now, at_ms)

    def _dispatch(self, event: ModelAudio | NoAudio) -> None:
        match event:
            case ModelAudio():
                self._sessions.model_audio(event)
            case MarkReceived():
                self._conversation.mark_received(event)
            case TranscriptReceived():
                self._conversation.transcribed(event)
            case ModelInterrupted():
                self._sessions.interrupted(event.at_ms)
            case GenerationCompleted():
                self._conversation.generation_completed(event.at_ms)
            case TurnCompleted():
                self._sessions.turn_completed(event)
            case UsageReported():
                self._limits.usage_reported(event)
            case ToolCallRequested():
                self._tools.requested(event)
            case ToolCallCancelled():
                self._tools.cancelled(event.ids, event.at_ms)
            case ToolCallFinished():
                self._tools.finished(event)
            case DtmfReceived():
                self._digit(event)
            case StreamStarted():
                self._stream_started(event)
            case ModelConnected():
                self._sessions.connected(event.at_ms)
            case TimerFired():
                self._timer_fired(event.timer, event.at_ms)
            case StreamStopped():
                self._goodbye.finish_because(EndReason.CALLER_HUNG_UP, event.at_ms)
            case StreamLost():
                self._goodbye.finish_because(EndReason.STREAM_LOST, event.at_ms)
            case ModelConnectFailed():
                self._sessions.connect_failed(event)
            case ModelDisconnected():
                self._sessions.disconnected(event)
            case GoAwayReceived():
                self._sessions.go_away(event)
            case ResumptionUpdated():
                self._sessions.resumable(event)
            case DrainRequested():
                self._hand_over.request(event.at_ms, event.within_ms)
            case AgentEdited():
                self._sessions.agent_edited(event)
            case PictureReceived() | TextReceived():
                self._uploads.received(event)
            case SaveDone() | SaveFailed():
                pass
            case _:
                assert_never(event)

    def _stream_started(self, event: StreamStarted) -> None:
        words = greeting_text(self._state.call.agent)
        if event.greeting and words is not None:
            self._conversation.greet(event.greeting, words, event.at_ms)
        self._sessions.begin(event)
        if not self._state.clip_bytes:
            self._waiting.begin_ringback()
        self._limits.stream_started(event.at_ms)
        self._effects.start(Timer.STREAM_AGE)

    # The keypad

    def _digit(self, event: DtmfReceived) -> None:
        self._limits.caller_acted()
        keypad = self._keypad
        if not keypad.ignores_keys:
            self._conversation.key_pressed(event.at_ms)
        collected = keypad.digit(event.digit)
        self._effects.restart(Timer.KEYPAD_PAUSE, keypad.pause_ms)
        if collected is not None:
            self._tools.collected(collected, event.at_ms)

    def _keypad_paused(self, at_ms: float) -> None:
        match self._keypad.pause():
            case Collected() as collected:
                self._tools.collected(collected, at_ms)
            case Typed() as typed if typed.asks_for_person and self._state.call.fallback_number:
                self._goodbye.finish_because(EndReason.CALLER_ASKED_FOR_PERSON, at_ms)
            case Typed(digits):
                if self._state.link.listening:
                    self._watchdog.asked()
                    self._effects.tell_model(prompts.typed(digits))
            case None:
                pass

    # Timers

    def _timer_fired(self, timer: Timer, at_ms: float) -> None:
        if not self._effects.fired(timer):
            return
        match timer:
            case Timer.GOODBYE_BEGINS | Timer.GOODBYE_ENDS | Timer.GOODBYE_ANSWERED:
                self._goodbye.goodbye_timer_fired(at_ms)
            case Timer.FORGOTTEN:
                self._goodbye.forgotten_timer_fired(at_ms)
            case Timer.FIRST_WORD:
                self._goodbye.finish_because(EndReason.MODEL_UNAVAILABLE, at_ms)
            case Timer.RINGBACK:
                self._waiting.play_ringback()
            case Timer.GO_AWAY:
                self._sessions.go_away_timer_fired(at_ms)
            case Timer.RECONNECT:
                self._sessions.try_again(at_ms)
            case Timer.ANSWER:
                self._sessions.answer_timer_fired(at_ms)
            case Timer.KEYPAD_PAUSE:
                self._keypad_paused(at_ms)
            case Timer.IDLE_NUDGE:
                self._limits.idle_nudge(at_ms)
            case Timer.IDLE_GOODBYE:
                self._limits.idle_goodbye(at_ms)
            case Timer.UPLOAD:
                self._state.awaits_upload = False
            case Timer.BACKGROUND:
                pass  # `_watch` sees that the situation has changed
            case Timer.WAITING:
                self._waiting.timer_fired()
            case Timer.TIME_WARNING:
                self._limits.time_warning()
            case Timer.TIME_OVER:
                self._limits.time_over(at_ms)
            case Timer.STREAM_AGE:
                self._hand_over.request(at_ms, OLD_STREAM_WITHIN_MS)
            case Timer.HAND_OVER:
                self._hand_over.time_over(at_ms)
            case Timer.HANDED_OVER:
                self._conversation.speak_first_after_all(at_ms)
            case Timer.FINAL_SAVE:
                pass  # only started once the conversation is over
            case _:
                assert_never(timer)

    def _while_ending(self, event: Event) -> None:
        """Close the stream once the final save is done or abandoned."""
        match event:
            case ToolCallFinished():
                self._tools.finished(event)
            case SaveDone() | SaveFailed():
                self._goodbye.save_settled()
            case TimerFired(timer=Timer.FINAL_SAVE):
                if self._effects.fired(Timer.FINAL_SAVE):
                    self._goodbye.save_settled()
            case _:
                pass


def _was_handed_over(call: Call, history: tuple[Turn, ...]) -> bool:
    """Whether the previous stream ended on the caller's turn."""
    return (
        call.resumed_from is EndReason.HANDLER_STOPPED
        and bool(history)
        and history[-1].speaker is Speaker.AGENT
        and not history[-1].interrupted
    )


def _agent_spoke_ms(history: tuple[Turn, ...]) -> float:
    """When the agent last spoke in earlier streams."""
    return max((turn.end_ms for turn in history if turn.speaker is Speaker.AGENT), default=0.0)

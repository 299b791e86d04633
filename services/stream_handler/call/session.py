"""StreamSession: one stream of one call, as a pure function of what has happened so far."""

from typing import assert_never

import msgspec

from ringdown.calls import Call, CallChanges, EndReason, Speaker, Turn
from stream_handler.call import model_config
from stream_handler.call.actions import Action, SaveCall, SendModelText
from stream_handler.call.closing import Closing
from stream_handler.call.continuity import Continuity
from stream_handler.call.conversation import Conversation
from stream_handler.call.deadlines import Timer
from stream_handler.call.draining import OLD_STREAM_WITHIN_MS, Draining
from stream_handler.call.ending import Phase
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
    ResumptionUpdated,
    SaveDone,
    SaveFailed,
    StreamLost,
    StreamStarted,
    StreamStopped,
    TimerFired,
    ToolCallCancelled,
    ToolCallFinished,
    ToolCallRequested,
    TranscriptReceived,
    TurnCompleted,
    UsageReported,
)
from stream_handler.call.keypad import PERSON, Collected, Typed
from stream_handler.call.limits import Limits
from stream_handler.call.parts import Words, new_parts
from stream_handler.call.tool_calls import ToolCalls
from stream_handler.call.waiting import Waiting


class StreamSession:
    """Takes events, returns actions. Holds no socket, clock, task or log; one per stream.

    `history` is what was said in earlier streams of the call. After the CloseStream action the
    session is over and answers every event with no action.
    """

    def __init__(self, call: Call, words: Words, history: tuple[Turn, ...] = ()) -> None:
        self._parts = new_parts(call, words, history)
        self._closing = Closing(self._parts)
        self._limits = Limits(self._parts, self._closing)
        self._draining = Draining(self._parts, self._closing)
        self._waiting = Waiting(self._parts)
        self._conversation = Conversation(self._parts, self._closing, self._limits, self._waiting)
        self._continuity = Continuity(self._parts, self._closing, self._conversation)
        self._tools = ToolCalls(self._parts, self._closing)
        self._revision = (call.agent_revision, *call.applied_revisions)[-1]

    def as_recorded(self, event: Event) -> Event:
        """`event`, which comes next, without what a caller types or says in secret."""
        match event:
            case DtmfReceived():
                key = self._parts.keypad.as_recorded(event.digit)
                return msgspec.structs.replace(event, digit=key)
            case TranscriptReceived(speaker=Speaker.CALLER) if self._parts.keypad.hides_the_caller:
                return msgspec.structs.replace(event, text="")
            case _:
                return event

    def handle(self, event: Event) -> tuple[Action, ...]:
        """Everything that is to be done because of `event`, in order."""
        if self._parts.ending.over:
            self._while_ending(event)
        else:
            self._while_talking(event)
        return self._parts.take_actions()

    def _while_talking(self, event: Event) -> None:
        match event:
            case CallerAudio():
                speaking = self._parts.speech.speaking
                self._conversation.caller_audio(event)
                if speaking is self._parts.speech.speaking:
                    return
            case ModelAudio():
                replying = self._replying_in()
                self._conversation.model_audio(event)
                if replying is not None and replying is self._replying_in():
                    return  # more of what was looked at when it began
            case _:
                self._dispatch(event)
        self._limits.look(event.at_ms)
        self._draining.look(event.at_ms)
        self._waiting.look()
        self._continuity.look(event.at_ms)

    def _replying_in(self) -> Phase | None:
        """The phase in which the model speaks and the caller hears it."""
        parts = self._parts
        return parts.ending.phase if parts.link.generating and not parts.playback.idle else None

    def _dispatch(self, event: NoAudio) -> None:
        match event:
            case MarkReceived():
                self._conversation.mark_received(event)
            case TranscriptReceived():
                self._conversation.transcript(event)
            case ModelInterrupted():
                self._continuity.interrupted(event.at_ms)
            case GenerationCompleted():
                self._conversation.generation_completed(event.at_ms)
            case TurnCompleted():
                self._conversation.turn_completed(event.at_ms)
            case UsageReported():
                self._usage_reported(event)
            case ToolCallRequested():
                self._parts.watchdog.model_acted()
                self._parts.results.called(event.at_ms)
                self._tools.requested(event)
            case ToolCallCancelled():
                self._tools.cancelled(event.ids, event.at_ms)
            case ToolCallFinished():
                self._tools.finished(event)
            case DtmfReceived():
                self._digit(event)
            case StreamStarted():
                self._stream_started(event.at_ms)
            case ModelConnected():
                self._continuity.connected(event.at_ms)
            case TimerFired():
                self._timer_fired(event.timer, event.at_ms)
            case StreamStopped():
                self._closing.finish_because(EndReason.CALLER_HUNG_UP, event.at_ms)
            case StreamLost():
                self._closing.finish_because(EndReason.STREAM_LOST, event.at_ms)
            case ModelConnectFailed():
                self._continuity.connect_failed(event)
            case ModelDisconnected():
                self._continuity.disconnected(event)
            case GoAwayReceived():
                self._continuity.go_away(event)
            case ResumptionUpdated():
                self._continuity.resumable(event)
            case DrainRequested():
                self._draining.request(event.at_ms, event.within_ms)
            case AgentEdited():
                self._agent_edited(event)
            case SaveDone() | SaveFailed():
                pass
            case _:
                assert_never(event)

    def _stream_started(self, at_ms: float) -> None:
        self._continuity.begin(at_ms)
        self._conversation.begin_ringback()
        self._limits.stream_started(at_ms)
        self._parts.start(Timer.STREAM_AGE)

    def _usage_reported(self, event: UsageReported) -> None:
        self._parts.usage += event.usage
        self._parts.do(SaveCall(CallChanges(usage=self._parts.usage)))
        self._limits.usage_reported(event.at_ms)

    def _agent_edited(self, event: AgentEdited) -> None:
        """The instructions change; a voice or a limit that changes in mid-call only confuses."""
        parts = self._parts
        if event.revision == self._revision:
            return
        self._revision = event.revision
        agent = msgspec.structs.replace(
            parts.call.agent,
            instructions=event.agent.instructions,
            time_zone=event.agent.time_zone,  # with the hours, what instructions may speak of
            opening_hours=event.agent.opening_hours,
        )
        revisions = (*parts.call.applied_revisions, event.revision)
        parts.call = msgspec.structs.replace(parts.call, agent=agent, applied_revisions=revisions)
        self._continuity.tell_instructions(event.at_ms)
        self._parts.do(SaveCall(CallChanges(applied_revisions=revisions)))

    # The keypad

    def _digit(self, event: DtmfReceived) -> None:
        self._limits.caller_acted()
        keypad = self._parts.keypad
        collected = keypad.digit(event.digit)
        self._parts.cancel(Timer.KEYPAD_PAUSE)
        self._parts.start(Timer.KEYPAD_PAUSE, keypad.pause_ms)
        if collected is not None:
            self._tools.collected(collected, event.at_ms)

    def _keypad_paused(self, at_ms: float) -> None:
        match self._parts.keypad.pause():
            case Collected() as collected:
                self._tools.collected(collected, at_ms)
            case Typed(digits) if digits == PERSON and self._parts.call.fallback_number:
                self._closing.finish_because(EndReason.CALLER_ASKED_FOR_PERSON, at_ms)
            case Typed(digits):
                if self._parts.link.listening:
                    self._parts.watchdog.asked()
                    self._parts.do(SendModelText(model_config.typed_prompt(digits)))
            case None:
                pass

    # Timers

    def _timer_fired(self, timer: Timer, at_ms: float) -> None:
        if not self._parts.deadlines.fired(timer):
            return
        match timer:
            case Timer.GOODBYE_BEGINS | Timer.GOODBYE_ENDS | Timer.GOODBYE_ANSWERED:
                self._closing.goodbye_timer_fired(at_ms)
            case Timer.FORGOTTEN:
                self._closing.forgotten_timer_fired(at_ms)
            case Timer.FIRST_WORD:
                self._closing.finish_because(EndReason.MODEL_UNAVAILABLE, at_ms)
            case Timer.RINGBACK:
                self._conversation.ring()
            case Timer.GO_AWAY:
                self._continuity.go_away_timer_fired(at_ms)
            case Timer.RECONNECT:
                self._continuity.try_again(at_ms)
            case Timer.ANSWER:
                self._continuity.answer_timer_fired(at_ms)
            case Timer.KEYPAD_PAUSE:
                self._keypad_paused(at_ms)
            case Timer.IDLE_NUDGE:
                self._limits.idle_nudge(at_ms)
            case Timer.IDLE_GOODBYE:
                self._limits.idle_goodbye(at_ms)
            case Timer.WAITING:
                self._waiting.timer_fired()
            case Timer.TIME_WARNING:
                self._limits.time_warning()
            case Timer.TIME_OVER:
                self._limits.time_over(at_ms)
            case Timer.STREAM_AGE:
                self._draining.request(at_ms, OLD_STREAM_WITHIN_MS)
            case Timer.HAND_OVER:
                self._draining.time_over(at_ms)
            case Timer.HANDED_OVER:
                self._conversation.nobody_speaks(at_ms)
            case Timer.FINAL_SAVE:
                pass  # only started once the conversation is over
            case _:
                assert_never(timer)

    def _while_ending(self, event: Event) -> None:
        """The conversation is over; only the save is still awaited."""
        match event:
            case SaveDone() | SaveFailed():
                self._closing.save_settled()
            case TimerFired(timer=Timer.FINAL_SAVE):
                if self._parts.deadlines.fired(Timer.FINAL_SAVE):
                    self._closing.save_settled()
            case _:
                pass

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
from stream_handler.call.parts import Actions, Words, new_parts
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
            return tuple(self._while_ending(event))
        match event:
            case CallerAudio():
                speaking = self._parts.speech.speaking
                done = tuple(self._conversation.caller_audio(event))
                if speaking is self._parts.speech.speaking:
                    return done
            case ModelAudio():
                replying = self._replying_in()
                done = tuple(self._conversation.model_audio(event))
                if replying is not None and replying is self._replying_in():
                    return done  # more of what was looked at when it began
            case _:
                done = tuple(self._dispatch(event))
        return (
            *done,
            *self._limits.look(event.at_ms),
            *self._draining.look(event.at_ms),
            *self._waiting.look(),
            *self._continuity.look(event.at_ms),
        )

    def _replying_in(self) -> Phase | None:
        """The phase in which the model speaks and the caller hears it."""
        parts = self._parts
        return parts.ending.phase if parts.link.generating and not parts.playback.idle else None

    def _dispatch(self, event: NoAudio) -> Actions:
        match event:
            case MarkReceived():
                return self._conversation.mark_received(event)
            case TranscriptReceived():
                return self._conversation.transcript(event)
            case ModelInterrupted():
                return self._continuity.interrupted(event.at_ms)
            case GenerationCompleted():
                return self._conversation.generation_completed(event.at_ms)
            case TurnCompleted():
                return self._conversation.turn_completed(event.at_ms)
            case UsageReported():
                return self._usage_reported(event)
            case ToolCallRequested():
                self._parts.watchdog.model_acted()
                self._parts.results.called(event.at_ms)
                return self._tools.requested(event)
            case ToolCallCancelled():
                return self._tools.cancelled(event.ids, event.at_ms)
            case ToolCallFinished():
                return self._tools.finished(event)
            case DtmfReceived():
                return self._digit(event)
            case StreamStarted():
                return self._stream_started(event.at_ms)
            case ModelConnected():
                return self._continuity.connected(event.at_ms)
            case TimerFired():
                return self._timer_fired(event.timer, event.at_ms)
            case StreamStopped():
                return self._closing.finish_because(EndReason.CALLER_HUNG_UP, event.at_ms)
            case StreamLost():
                return self._closing.finish_because(EndReason.STREAM_LOST, event.at_ms)
            case ModelConnectFailed():
                return self._continuity.connect_failed(event)
            case ModelDisconnected():
                return self._continuity.disconnected(event)
            case GoAwayReceived():
                return self._continuity.go_away(event)
            case ResumptionUpdated():
                return self._continuity.resumable(event)
            case DrainRequested():
                return self._draining.request(event.at_ms, event.within_ms)
            case AgentEdited():
                return self._agent_edited(event)
            case SaveDone() | SaveFailed():
                return iter(())
            case _:
                assert_never(event)

    def _stream_started(self, at_ms: float) -> Actions:
        yield from self._continuity.begin(at_ms)
        yield from self._conversation.begin_ringback()
        yield from self._limits.stream_started(at_ms)
        yield from self._parts.start(Timer.STREAM_AGE)

    def _usage_reported(self, event: UsageReported) -> Actions:
        self._parts.usage += event.usage
        yield SaveCall(CallChanges(usage=self._parts.usage))
        yield from self._limits.usage_reported(event.at_ms)

    def _agent_edited(self, event: AgentEdited) -> Actions:
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
        yield from self._continuity.tell_instructions(event.at_ms)
        yield SaveCall(CallChanges(applied_revisions=revisions))

    # The keypad

    def _digit(self, event: DtmfReceived) -> Actions:
        yield from self._limits.caller_acted()
        keypad = self._parts.keypad
        collected = keypad.digit(event.digit)
        yield from self._parts.cancel(Timer.KEYPAD_PAUSE)
        yield from self._parts.start(Timer.KEYPAD_PAUSE, keypad.pause_ms)
        if collected is not None:
            yield from self._tools.collected(collected, event.at_ms)

    def _keypad_paused(self, at_ms: float) -> Actions:
        match self._parts.keypad.pause():
            case Collected() as collected:
                yield from self._tools.collected(collected, at_ms)
            case Typed(digits) if digits == PERSON and self._parts.call.fallback_number:
                yield from self._closing.finish_because(EndReason.CALLER_ASKED_FOR_PERSON, at_ms)
            case Typed(digits):
                if self._parts.link.listening:
                    self._parts.watchdog.asked()
                    yield SendModelText(model_config.typed_prompt(digits))
            case None:
                pass

    # Timers

    def _timer_fired(self, timer: Timer, at_ms: float) -> Actions:
        if not self._parts.deadlines.fired(timer):
            return iter(())
        match timer:
            case Timer.GOODBYE_BEGINS | Timer.GOODBYE_ENDS | Timer.GOODBYE_ANSWERED:
                return self._closing.goodbye_timer_fired(at_ms)
            case Timer.FORGOTTEN:
                return self._closing.forgotten_timer_fired(at_ms)
            case Timer.FIRST_WORD:
                return self._closing.finish_because(EndReason.MODEL_UNAVAILABLE, at_ms)
            case Timer.RINGBACK:
                return self._conversation.ring()
            case Timer.GO_AWAY:
                return self._continuity.go_away_timer_fired(at_ms)
            case Timer.RECONNECT:
                return self._continuity.try_again(at_ms)
            case Timer.ANSWER:
                return self._continuity.answer_timer_fired(at_ms)
            case Timer.KEYPAD_PAUSE:
                return self._keypad_paused(at_ms)
            case Timer.IDLE_NUDGE:
                return self._limits.idle_nudge(at_ms)
            case Timer.IDLE_GOODBYE:
                return self._limits.idle_goodbye(at_ms)
            case Timer.WAITING:
                return self._waiting.timer_fired()
            case Timer.TIME_WARNING:
                return self._limits.time_warning()
            case Timer.TIME_OVER:
                return self._limits.time_over(at_ms)
            case Timer.STREAM_AGE:
                return self._draining.request(at_ms, OLD_STREAM_WITHIN_MS)
            case Timer.HAND_OVER:
                return self._draining.time_over(at_ms)
            case Timer.HANDED_OVER:
                return self._conversation.nobody_speaks(at_ms)
            case Timer.FINAL_SAVE:
                return iter(())  # only started once the conversation is over
            case _:
                assert_never(timer)

    def _while_ending(self, event: Event) -> Actions:
        """The conversation is over; only the save is still awaited."""
        match event:
            case SaveDone() | SaveFailed():
                yield from self._closing.save_settled()
            case TimerFired(timer=Timer.FINAL_SAVE):
                if self._parts.deadlines.fired(Timer.FINAL_SAVE):
                    yield from self._closing.save_settled()
            case _:
                pass

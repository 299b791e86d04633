"""StreamSession: one stream of one call, as a pure function of what has happened so far."""

from typing import assert_never

from msgspec.structs import replace

from ringdown.calls import Call, CallChanges, EndReason, Speaker, Turn
from stream_handler.call import prompts
from stream_handler.call.actions import Action, SaveCall, SendModelText
from stream_handler.call.closing import Closing
from stream_handler.call.continuity import Continuity
from stream_handler.call.conversation import Conversation
from stream_handler.call.draining import Draining
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
from stream_handler.call.greeting import Greeting
from stream_handler.call.keypad import PERSON, Collected, Keypad, Typed
from stream_handler.call.limits import Limits, Words
from stream_handler.call.playback import Playback
from stream_handler.call.reconnect import Reconnects
from stream_handler.call.replay_ring import ReplayRing
from stream_handler.call.situation import Survey
from stream_handler.call.speech import SpeechDetector
from stream_handler.call.state import CallState
from stream_handler.call.timers import OLD_STREAM_WITHIN_MS, Timer
from stream_handler.call.tool_calls import ToolCalls
from stream_handler.call.tool_ledger import ToolLedger
from stream_handler.call.tool_results import ToolResults
from stream_handler.call.turns import Turns
from stream_handler.call.waiting import Waiting
from stream_handler.call.watchdog import Watchdog


class StreamSession:
    """Takes events, returns actions. Holds no socket, clock, task or log; one per stream.

    `history` is what was said in earlier streams of the call. After the CloseStream action the
    session is over and answers every event with no action.
    """

    def __init__(self, call: Call, words: Words, history: tuple[Turn, ...] = ()) -> None:
        fresh = not history
        handed_over = _was_handed_over(call, history)
        revision = (call.agent_revision, *call.applied_revisions)[-1]
        # What is known, each kind of thing in one place
        self._effects = effects = Effects()
        self._state = state = CallState(call, call.usage, revision)
        self._turns = turns = Turns(history, handed_over=handed_over)
        self._playback = playback = Playback()
        self._speech = speech = SpeechDetector()
        self._keypad = keypad = Keypad()
        self._watchdog = watchdog = Watchdog(call.agent)
        greeting = Greeting(protected=call.agent.protect_greeting and fresh)
        ring = ReplayRing()
        ledger, results = ToolLedger(), ToolResults()
        reconnects = Reconnects(call.resumption)
        self._survey = survey = Survey(state, turns, playback, speech, ledger, keypad)
        # What acts on it, each calling only those made before it
        self._closing = closing = Closing(effects, state, turns, playback, speech, survey, ledger)
        self._limits = limits = Limits(effects, state, words, turns, ledger, closing)
        self._draining = Draining(effects, state, closing)
        self._waiting = waiting = Waiting(effects, state, ledger)
        self._conversation = conversation = Conversation(
            effects=effects,
            state=state,
            history=history,
            turns=turns,
            playback=playback,
            speech=speech,
            survey=survey,
            greeting=greeting,
            ring=ring,
            keypad=keypad,
            watchdog=watchdog,
            closing=closing,
            limits=limits,
            waiting=waiting,
        )
        self._continuity = Continuity(
            effects=effects,
            state=state,
            turns=turns,
            playback=playback,
            speech=speech,
            ring=ring,
            keypad=keypad,
            ledger=ledger,
            results=results,
            reconnects=reconnects,
            watchdog=watchdog,
            closing=closing,
            conversation=conversation,
        )
        self._tools = ToolCalls(
            effects=effects,
            state=state,
            turns=turns,
            playback=playback,
            keypad=keypad,
            ledger=ledger,
            results=results,
            reconnects=reconnects,
            watchdog=watchdog,
            closing=closing,
        )

    def as_recorded(self, event: Event) -> Event:
        """`event`, which comes next, without what a caller types or says in secret."""
        match event:
            case DtmfReceived():
                key = self._keypad.as_recorded(event.digit)
                return replace(event, digit=key)
            case TranscriptReceived(speaker=Speaker.CALLER) if self._keypad.hides_the_caller:
                return replace(event, text="")
            case _:
                return event

    def handle(self, event: Event) -> tuple[Action, ...]:
        """Everything that is to be done because of `event`, in order."""
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
        """Do what is due not because of one event, but because of where it leaves the call."""
        now = self._survey.now()
        self._limits.watch_silence(now, at_ms)
        self._draining.watch_turns(now, at_ms)
        if self._state.ending.over:
            now = self._survey.now()
        self._waiting.watch_wait(now)
        self._continuity.watch_model(now, at_ms)

    def _dispatch(self, event: ModelAudio | NoAudio) -> None:
        match event:
            case ModelAudio():
                self._conversation.model_audio(event)
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
        self._effects.start(Timer.STREAM_AGE)

    def _usage_reported(self, event: UsageReported) -> None:
        self._state.usage += event.usage
        self._effects.do(SaveCall(CallChanges(usage=self._state.usage)))
        self._limits.usage_reported(event.at_ms)

    def _agent_edited(self, event: AgentEdited) -> None:
        """The instructions change; a voice or a limit that changes in mid-call only confuses."""
        if event.revision == self._state.revision:
            return
        self._state.revision = event.revision
        agent = replace(
            self._state.call.agent,
            instructions=event.agent.instructions,
            time_zone=event.agent.time_zone,  # with the hours, what instructions may speak of
            opening_hours=event.agent.opening_hours,
        )
        revisions = (*self._state.call.applied_revisions, event.revision)
        self._state.call = replace(self._state.call, agent=agent, applied_revisions=revisions)
        self._continuity.tell_instructions(event.at_ms)
        self._effects.do(SaveCall(CallChanges(applied_revisions=revisions)))

    # The keypad

    def _digit(self, event: DtmfReceived) -> None:
        self._limits.caller_acted()
        keypad = self._keypad
        collected = keypad.digit(event.digit)
        self._effects.restart(Timer.KEYPAD_PAUSE, keypad.pause_ms)
        if collected is not None:
            self._tools.collected(collected, event.at_ms)

    def _keypad_paused(self, at_ms: float) -> None:
        match self._keypad.pause():
            case Collected() as collected:
                self._tools.collected(collected, at_ms)
            case Typed(digits) if digits == PERSON and self._state.call.fallback_number:
                self._closing.finish_because(EndReason.CALLER_ASKED_FOR_PERSON, at_ms)
            case Typed(digits):
                if self._state.link.listening:
                    self._watchdog.asked()
                    self._effects.do(SendModelText(prompts.typed(digits)))
            case None:
                pass

    # Timers

    def _timer_fired(self, timer: Timer, at_ms: float) -> None:
        if not self._effects.fired(timer):
            return
        match timer:
            case Timer.GOODBYE_BEGINS | Timer.GOODBYE_ENDS | Timer.GOODBYE_ANSWERED:
                self._closing.goodbye_timer_fired(at_ms)
            case Timer.FORGOTTEN:
                self._closing.forgotten_timer_fired(at_ms)
            case Timer.FIRST_WORD:
                self._closing.finish_because(EndReason.MODEL_UNAVAILABLE, at_ms)
            case Timer.RINGBACK:
                self._conversation.play_ringback()
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
                if self._effects.fired(Timer.FINAL_SAVE):
                    self._closing.save_settled()
            case _:
                pass


def _was_handed_over(call: Call, history: tuple[Turn, ...]) -> bool:
    """Whether the stream before this one ended where the caller was to speak next."""
    return (
        call.resumed_from is EndReason.HANDLER_STOPPED
        and bool(history)
        and history[-1].speaker is Speaker.AGENT
        and not history[-1].interrupted
    )

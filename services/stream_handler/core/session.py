"""StreamSession: one stream of one call, as a pure function of what has happened so far."""

from collections.abc import Iterator
from typing import assert_never

from ringdown.calls import (
    Call,
    CallChanges,
    CallStatus,
    EndReason,
    Speaker,
    ToolCall,
    Turn,
    Usage,
)
from ringdown.tools import ToolAnswer, ToolCallContext, ToolDeclaration, ToolRequest
from stream_handler.core import model_link
from stream_handler.core.actions import (
    Action,
    CallTool,
    CancelTimer,
    CancelTool,
    ClearPlayback,
    CloseModel,
    CloseStream,
    ConnectModel,
    PlayAudio,
    SaveCall,
    SendMark,
    SendModelAudio,
    SendModelText,
    SendToolResponse,
    StartTimer,
)
from stream_handler.core.deadlines import Deadlines, Timer
from stream_handler.core.ending import Ending
from stream_handler.core.events import (
    CallerAudio,
    DrainRequested,
    Event,
    GenerationCompleted,
    MarkReceived,
    ModelAudio,
    ModelConnected,
    ModelConnectFailed,
    ModelDisconnected,
    ModelInterrupted,
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
from stream_handler.core.playback import Playback
from stream_handler.core.speech import SpeechDetector, SpeechStarted, SpeechStopped
from stream_handler.core.tool_ledger import ToolLedger
from stream_handler.core.turns import Turns

_BYTES_PER_CALLER_MS = 32  # PCM16 at 16 kHz
_BARGE_IN_WINDOW_MS = 3_000.0

# What `end_call` answers the model.
_GOODBYE_SAID = "The call ends now. Say nothing more."
_GOODBYE_MISSING = "The call ends once you have said a short goodbye. Say it now."

_Actions = Iterator[Action]


class StreamSession:
    """Takes events, returns actions. Holds no socket, clock, task or log; one per stream.

    After the CloseStream action the session is over and answers every event with no action.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._tools = {tool.name: tool for tool in call.tools}
        self._speech = SpeechDetector()
        self._playback = Playback()
        self._turns = Turns()
        self._ledger = ToolLedger()
        self._link = model_link.ModelLink()
        self._deadlines = Deadlines()
        self._ending = Ending()
        self._usage = Usage()

    def handle(self, event: Event) -> tuple[Action, ...]:
        """Everything that is to be done because of `event`, in order."""
        if self._ending.over:
            return tuple(self._while_ending(event))
        return tuple(self._dispatch(event))

    def _dispatch(self, event: Event) -> _Actions:
        match event:
            case CallerAudio():
                return self._caller_audio(event)
            case ModelAudio():
                return self._model_audio(event)
            case MarkReceived():
                return self._mark_received(event)
            case TranscriptReceived():
                return self._transcript_received(event)
            case ModelInterrupted():
                return self._model_interrupted(event.at_ms)
            case GenerationCompleted():
                return self._generation_completed(event.at_ms)
            case TurnCompleted():
                return self._turn_completed(event.at_ms)
            case UsageReported():
                return self._usage_reported(event.usage)
            case ToolCallRequested():
                return self._tool_requested(event)
            case ToolCallCancelled():
                return self._tools_cancelled(event.ids, event.at_ms)
            case ToolCallFinished():
                return self._tool_finished(event)
            case StreamStarted():
                return iter((ConnectModel(model_link.session_config(self._call)),))
            case ModelConnected():
                return self._model_connected()
            case TimerFired():
                return self._timer_fired(event.timer, event.at_ms)
            case StreamStopped():
                return self._finish(EndReason.CALLER_HUNG_UP, event.at_ms)
            case StreamLost():
                return self._finish(EndReason.STREAM_LOST, event.at_ms)
            case ModelConnectFailed():
                return self._finish(EndReason.MODEL_UNAVAILABLE, event.at_ms)
            case ModelDisconnected():
                return self._finish(EndReason.MODEL_LOST, event.at_ms)
            case DrainRequested():
                return self._finish(EndReason.HANDLER_STOPPED, event.at_ms)
            case SaveDone() | SaveFailed():
                return iter(())
            case _:
                assert_never(event)

    # The caller

    def _caller_audio(self, event: CallerAudio) -> _Actions:
        length_ms = len(event.pcm) / _BYTES_PER_CALLER_MS
        match self._speech.frame(event.at_ms, event.level_dbfs, length_ms):
            case SpeechStarted(onset_ms):
                self._turns.caller_speech_started(onset_ms)
            case SpeechStopped(end_ms):
                self._turns.caller_speech_stopped(end_ms)
            case None:
                pass
        if self._link.listening:
            yield SendModelAudio(event.pcm)

    # The model

    def _model_connected(self) -> _Actions:
        self._link.connected()
        yield SendModelText(model_link.greeting_prompt(self._call.agent.greeting))

    def _model_audio(self, event: ModelAudio) -> _Actions:
        if not self._link.audio(event.at_ms) or not event.mulaw:
            return
        turns = self._turns.agent_audio(
            event.at_ms, self._playback.sent, len(event.mulaw), self._speech.last_voiced_ms
        )
        self._ending.agent_spoke()
        yield from self._play(event.mulaw, event.at_ms)
        yield from self._cancel(Timer.GOODBYE_BEGINS)
        yield from _save(turns=turns)

    def _play(self, mulaw: bytes, at_ms: float) -> _Actions:
        """In pieces, so that marks are never further apart than the estimate allows."""
        while mulaw:
            room = self._playback.until_mark
            piece, mulaw = mulaw[:room], mulaw[room:]
            mark = self._playback.add(len(piece), at_ms)
            yield PlayAudio(piece)
            if mark is not None:
                yield SendMark(mark)

    def _model_interrupted(self, at_ms: float) -> _Actions:
        self._link.interrupted(at_ms)
        if not self._playback.idle:
            yield ClearPlayback()
        heard_to = self._playback.clear(at_ms)
        turns = self._turns.agent_interrupted(at_ms, heard_to, self._barge_in_ms(at_ms))
        yield from _save(turns=turns)
        if self._ending.goodbye_interrupted():
            yield from self._cancel(Timer.GOODBYE_BEGINS)
            yield from self._cancel(Timer.GOODBYE_ENDS)

    def _barge_in_ms(self, at_ms: float) -> float | None:
        onset_ms = self._speech.onset_ms
        if onset_ms is None or at_ms - onset_ms > _BARGE_IN_WINDOW_MS:
            return None
        return at_ms - onset_ms

    def _generation_completed(self, at_ms: float) -> _Actions:
        self._link.generation_completed()
        self._turns.agent_complete()
        mark = self._playback.complete()
        if mark is not None:
            yield SendMark(mark)
        yield from self._after_playback(at_ms)

    def _turn_completed(self, at_ms: float) -> _Actions:
        yield from self._generation_completed(at_ms)
        self._turns.agent_turn_over()
        self._link.turn_completed()

    def _mark_received(self, event: MarkReceived) -> _Actions:
        if self._playback.mark_received(event.name, event.at_ms):
            yield from self._after_playback(event.at_ms)

    def _after_playback(self, at_ms: float) -> _Actions:
        """More has been heard, or no more will come: close what that completes."""
        yield from _save(turns=self._turns.agent_heard(at_ms, self._playback.heard(at_ms)))
        if self._ending.goodbye_heard(
            generating=self._link.generating,
            playing=not self._playback.idle,
        ):
            yield from self._finish(EndReason.AGENT_HUNG_UP, at_ms)

    def _transcript_received(self, event: TranscriptReceived) -> _Actions:
        match event.speaker:
            case Speaker.CALLER:
                yield from _save(turns=self._turns.caller_text(event.text, event.at_ms))
            case Speaker.AGENT:
                yield from _save(turns=self._turns.agent_text(event.text))
            case _:
                assert_never(event.speaker)

    def _usage_reported(self, usage: Usage) -> _Actions:
        self._usage += usage
        yield SaveCall(CallChanges(usage=self._usage))

    # Tools

    def _tool_requested(self, event: ToolCallRequested) -> _Actions:
        if not self._ledger.begin(event.id, event.name, event.args, event.at_ms):
            return
        if event.name == model_link.END_CALL:
            yield from self._end_call(event)
            return
        tool = self._tools.get(event.name)
        if tool is not None:
            yield CallTool(event.id, tool, self._tool_request(tool, event))
            return
        answer = ToolAnswer.failed(f"There is no tool named {event.name}. Go on without it.")
        yield from self._answer_tool(event.id, answer, event.at_ms)

    def _tool_request(self, tool: ToolDeclaration, event: ToolCallRequested) -> ToolRequest:
        call = self._call
        return ToolRequest(
            call=ToolCallContext(
                call_sid=call.call_sid,
                agent_id=call.agent_id,
                caller=call.caller,
                called=call.called,
                language=call.agent.language,
            ),
            name=tool.name,
            args=event.args,
            idempotency_key=f"{call.call_sid}/{event.id}",
        )

    def _tool_finished(self, event: ToolCallFinished) -> _Actions:
        yield from self._answer_tool(event.id, event.answer, event.at_ms)

    def _answer_tool(
        self, id: str, answer: ToolAnswer, at_ms: float, *, silent: bool = False
    ) -> _Actions:
        record = self._ledger.finish(id, answer, at_ms)
        if record is not None:
            yield SendToolResponse(id, record.name, answer, silent)
            yield from _save(tool_calls=(record,))

    def _tools_cancelled(self, ids: tuple[str, ...], at_ms: float) -> _Actions:
        records = self._ledger.cancel(ids, at_ms)
        for record in records:
            yield CancelTool(record.id)
        yield from _save(tool_calls=records)

    # The end

    def _end_call(self, event: ToolCallRequested) -> _Actions:
        spoken = self._turns.agent_spoke_last
        answer = ToolAnswer(output={"status": _GOODBYE_SAID if spoken else _GOODBYE_MISSING})
        yield from self._answer_tool(event.id, answer, event.at_ms, silent=spoken)
        if not self._ending.goodbye_requested(spoken=spoken):
            return
        yield from self._start(Timer.GOODBYE_ENDS)
        if not spoken:
            yield from self._start(Timer.GOODBYE_BEGINS)
        yield from self._after_playback(event.at_ms)

    def _timer_fired(self, timer: Timer, at_ms: float) -> _Actions:
        if not self._deadlines.fired(timer):
            return
        match timer:
            case Timer.GOODBYE_BEGINS | Timer.GOODBYE_ENDS:
                yield from self._finish(EndReason.AGENT_HUNG_UP, at_ms)
            case Timer.FINAL_SAVE:
                pass  # only started once the conversation is over
            case _:
                assert_never(timer)

    def _finish(self, reason: EndReason, at_ms: float) -> _Actions:
        outcome = self._ending.finish(reason)
        if outcome is None:
            return
        self._link.closed()
        cancelled = self._ledger.cancel_all(at_ms)
        for record in cancelled:
            yield CancelTool(record.id)
        for timer in self._deadlines.running():
            yield from self._cancel(timer)
        yield CloseModel()
        turns = self._turns.close(at_ms, self._playback.heard(at_ms), self._speech.last_voiced_ms)
        changes = CallChanges(
            turns=turns,
            tool_calls=cancelled,
            usage=self._usage,
            status=CallStatus.ENDED if outcome.next is not None else None,
            end_reason=outcome.reason,
            next=outcome.next,
        )
        yield SaveCall(changes, final=True)
        yield from self._start(Timer.FINAL_SAVE)

    def _while_ending(self, event: Event) -> _Actions:
        """The conversation is over; only the save is still awaited."""
        match event:
            case SaveDone() | SaveFailed():
                yield from self._cancel(Timer.FINAL_SAVE)
                yield from self._close()
            case TimerFired(timer=Timer.FINAL_SAVE):
                if self._deadlines.fired(Timer.FINAL_SAVE):
                    yield from self._close()
            case _:
                pass

    def _close(self) -> _Actions:
        outcome = self._ending.saved()
        if outcome is not None:
            yield CloseStream(outcome.next)

    # Timers

    def _start(self, timer: Timer) -> _Actions:
        if self._deadlines.start(timer):
            yield StartTimer(timer, timer.value)

    def _cancel(self, timer: Timer) -> _Actions:
        if self._deadlines.cancel(timer):
            yield CancelTimer(timer)


def _save(*, turns: tuple[Turn, ...] = (), tool_calls: tuple[ToolCall, ...] = ()) -> _Actions:
    if turns or tool_calls:
        yield SaveCall(CallChanges(turns=turns, tool_calls=tool_calls))

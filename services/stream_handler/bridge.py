"""Carries one call: feeds events to the core, and carries out its actions.

One TaskGroup per call. Whichever task has an event calls the core directly; that never waits,
because every action only fills a bounded queue, sets a timer or starts a task.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar, assert_never

from ringdown import clock
from ringdown.agents.clips import ClipStore
from ringdown.audio.telephone import Upsampler
from ringdown.calls import Call, CallChanges, CallStore
from ringdown.calls.flights import FlightStore
from ringdown.calls.recordings import RecordingStore
from ringdown.calls.uploads import Upload
from ringdown.gemini.model_session import LiveModel
from ringdown.log import Log
from ringdown.tools.client import ToolClient
from stream_handler.admission import Admitted
from stream_handler.agent_watch import AgentWatch
from stream_handler.call.actions import (
    Action,
    CallTool,
    CancelTimer,
    ClearPlayback,
    CloseModel,
    CloseStream,
    ConnectModel,
    PlayAudio,
    PlayRingback,
    PlayTone,
    SaveCall,
    SendMark,
    SendModelAudio,
    SendModelImage,
    SendModelText,
    SendToolResponse,
    StartTimer,
    UpdateModelContext,
)
from stream_handler.call.events import (
    AgentEdited,
    CallerAudio,
    DrainRequested,
    DtmfReceived,
    Event,
    MarkReceived,
    PictureReceived,
    SaveDone,
    SaveFailed,
    StreamLost,
    StreamStarted,
    StreamStopped,
    TextReceived,
    TimerFired,
    ToolCallFinished,
)
from stream_handler.call.session import StreamSession
from stream_handler.call.timers import Timer
from stream_handler.media_stream import HungUp, KeyPressed, MarkPlayed, MediaStream, Sound
from stream_handler.model_side import ModelSide
from stream_handler.observers import CallObserver, ObservedSession
from stream_handler.record.call_recording import start_recording
from stream_handler.record.flight_record import FlightRecord
from stream_handler.record.recorder import Recorded, Recorder
from stream_handler.record.stream_report import StreamReport
from stream_handler.record.traces import CallTrace, SpanExport, trace_id, traceparent
from stream_handler.tones import ringback, waiting_tone
from stream_handler.upload_watch import UploadWatch
from stream_handler.words import words_for

_FRAME_MS = 20
_SILENT_FRAME = b"\xff" * 160
_NO_FRAMES_MS = 200.0
_T = TypeVar("_T")

_log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """What every call of this process shares."""

    store: CallStore
    flights: FlightStore
    models: tuple[LiveModel, ...]
    """One per endpoint, in dialling order."""
    tools: ToolClient
    agents: AgentWatch
    clips: ClipStore
    uploads: UploadWatch
    recordings: RecordingStore | None
    """None if there is no place to store them."""
    traces: SpanExport | None = None


class Bridge:
    """One stream of one call, from the claim to the closed socket."""

    def __init__(
        self,
        stream: MediaStream,
        admitted: Admitted,
        services: Services,
    ) -> None:
        call = admitted.call
        self._call = call
        self._greeting = admitted.greeting
        self._uploads = admitted.uploads
        self._stream = stream
        self._services = services
        self._recorder = Recorder(services.store, call, admitted.claim, claimed=admitted.claimed)
        self._recording = start_recording(call, services.recordings, self._recorder.save)
        self._session = ObservedSession(
            StreamSession(
                call, words_for(call.agent.language), admitted.history, admitted.tool_calls
            ),
            FlightRecord(call, admitted.history, services.flights, tool_calls=admitted.tool_calls),
            StreamReport(),
            self._recorder,
            *(() if self._recording is None else (self._recording,)),
            *self._trace(services.traces),
        )
        self._is_over = False
        self._up = Upsampler()
        self._group = asyncio.TaskGroup()
        self._model = ModelSide(
            services.models,
            self._group,
            self._now_ms,
            self._handle,
            volume_db=call.agent.volume_db,
        )
        self._timers: dict[Timer, asyncio.TimerHandle] = {}
        self._tools: set[asyncio.Task[None]] = set()
        """Tool requests under way. Only the end of the process cancels them."""
        self._closed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        # An attempt that continues a call continues its clock too.
        self._started_s = self._loop.time() - _age_s(call)
        self._warned: set[str] = set()
        self._sound_ms: float | None = None
        """The time up to which there is audio from the caller, or silence in its place."""

    def _trace(self, traces: SpanExport | None) -> Iterator[CallObserver]:
        if traces is None:
            return
        yield CallTrace(traces, self._call)
        if self._call.trace_id is None:
            self._recorder.save(CallChanges(trace_id=trace_id(self._call.call_sid)))

    async def run(self) -> None:
        """Carry the call to its end; on return the socket is closed and the record written.

        Waits for tools that are still running.
        """
        try:
            await self._carry()
            await self._recorder.write_late()
        finally:
            self._is_over = True
            for timer in self._timers.values():
                timer.cancel()
            await self._session.end()

    @property
    def call_sid(self) -> str:
        return self._call.call_sid

    @property
    def is_closed(self) -> bool:
        """Whether the stream is over; tools may still be running."""
        return self._closed.is_set()

    async def _carry(self) -> None:
        async with self._group:
            self._group.create_task(self._record())
            if self._recording is not None:
                self._group.create_task(self._recording.run())
            until_closed = [
                self._group.create_task(self._receive_from_carrier()),
                self._group.create_task(self._send_to_carrier()),
                self._group.create_task(self._fill_silence()),
            ]
            if self._call.agent.apply_to_live_calls:
                until_closed.append(self._group.create_task(self._follow_agent()))
            if self._call.agent.photos:
                until_closed.append(self._group.create_task(self._follow_uploads()))
            until_closed.append(
                self._group.create_task(self._services.tools.warm(self._call.tools))
            )
            for upload in self._uploads:
                self._upload_received(upload)
            endpoints = tuple(model.endpoint for model in self._services.models)
            self._handle(StreamStarted(self._now_ms(), endpoints, self._greeting))
            await self._closed.wait()
            if not self._recorder.is_finishing:
                self._recorder.give_up()  # it failed as an observer, so it missed the end
            if self._recording is not None:
                self._recording.stop()
            await self._stream.close()
            for task in until_closed:
                task.cancel()

    def drain(self, within_s: float) -> None:
        """Hand the call over because the process must stop, between two turns if possible."""
        self._safely(self._handle, DrainRequested(self._now_ms(), within_s * 1_000))

    def give_up(self) -> None:
        """End the call immediately; log any part of its record that the store hasn't accepted."""
        self.drain(0)
        self._recorder.give_up()
        if self._recording is not None:
            self._recording.give_up()
        for task in self._tools:
            task.cancel()

    def _now_ms(self) -> float:
        return round((self._loop.time() - self._started_s) * 1000, 3)

    def _handle(self, event: Event) -> None:
        if self._is_over:
            return
        for action in self._session.handle(event):
            self._perform(action)

    def _perform(self, action: Action) -> None:
        match action:
            case SendModelAudio():
                if not self._model.send_audio(action.pcm):
                    self._warn_once("caller's audio dropped", "the model isn't reading")
            case PlayAudio():
                self._check_reader(self._stream.play(action.mulaw))
            case SendMark():
                self._check_reader(self._stream.mark(action.name))
            case ClearPlayback():
                self._stream.clear()
            case PlayRingback():
                self._check_reader(self._stream.play(ringback(action.ring)))
            case PlayTone():
                self._check_reader(self._stream.play(waiting_tone()))
            case SendModelText() | SendModelImage() | SendToolResponse() | UpdateModelContext():
                self._model.send(action)
            case ConnectModel():
                self._model.connect(action)
            case CloseModel():
                self._model.close()
            case CallTool():
                task = self._group.create_task(self._call_tool(action))
                self._tools.add(task)
                task.add_done_callback(self._tools.discard)
            case StartTimer():
                after_s = action.after_ms / 1000
                handle = self._loop.call_later(after_s, self._timer_fires, action.timer)
                self._timers[action.timer] = handle
            case CancelTimer():
                if (timer := self._timers.pop(action.timer, None)) is not None:
                    timer.cancel()
            case SaveCall():
                pass  # the recorder has seen it
            case CloseStream():
                self._closed.set()
            case _:
                assert_never(action)

    # The carrier

    async def _receive_from_carrier(self) -> None:
        async for received in self._stream.receive():
            match received:
                case Sound():
                    self._sound_ms = self._now_ms()
                    self._caller_audio(received.mulaw)
                case MarkPlayed():
                    self._handle(MarkReceived(self._now_ms(), received.name))
                case KeyPressed():
                    self._handle(DtmfReceived(self._now_ms(), received.digit))
                case HungUp():
                    self._handle(StreamStopped(self._now_ms()))
                case _:
                    assert_never(received)
        self._handle(StreamLost(self._now_ms()))

    def _caller_audio(self, mulaw: bytes) -> None:
        pcm = self._up.convert(mulaw)
        self._handle(CallerAudio(self._now_ms(), pcm, self._up.level_dbfs))

    async def _fill_silence(self) -> None:
        """Fill in silence: some carriers send no frames while the caller is silent.

        Time must still pass for the model and for our own speech detector.
        """
        while True:
            await asyncio.sleep(_NO_FRAMES_MS / 1_000)
            if self._sound_ms is None:
                continue
            missing_ms = self._now_ms() - self._sound_ms
            if missing_ms >= _NO_FRAMES_MS:
                frames = int(missing_ms // _FRAME_MS)
                self._sound_ms += frames * _FRAME_MS
                for _ in range(frames):
                    self._caller_audio(_SILENT_FRAME)

    async def _send_to_carrier(self) -> None:
        try:
            await self._stream.send_waiting()
        except TimeoutError:
            self._warn_once("the carrier isn't reading", "a message could not be sent")
        self._handle(StreamLost(self._now_ms()))

    def _check_reader(self, accepted: bool) -> None:
        if not accepted:
            self._warn_once("the carrier isn't reading", "two minutes of speech are waiting")
            self._group.create_task(self._handle_soon(StreamLost(self._now_ms())))

    # Edits, uploads, tools, timers, the record

    async def _follow_agent(self) -> None:
        call = self._call
        async for agent in self._services.agents.edits(call.agent_id, draft=call.is_draft):
            self._handle(AgentEdited(self._now_ms(), agent, agent.revision))

    async def _follow_uploads(self) -> None:
        seen = max((upload.n for upload in self._uploads), default=0)
        async for upload in self._services.uploads.uploads(self._call.call_sid, seen=seen):
            self._upload_received(upload)

    def _upload_received(self, upload: Upload) -> None:
        at_ms = self._now_ms()
        if upload.picture:
            self._handle(PictureReceived(at_ms, upload.n, upload.picture))
        else:
            self._handle(TextReceived(at_ms, upload.n, upload.text))

    async def _call_tool(self, action: CallTool) -> None:
        headers = {}
        if self._services.traces is not None:
            headers["traceparent"] = traceparent(self._call, action.id)
        answer, certain = await self._services.tools.call(action.tool, action.request, headers)
        self._handle(ToolCallFinished(self._now_ms(), action.id, answer, certain))

    def _timer_fires(self, timer: Timer) -> None:
        self._timers.pop(timer, None)
        self._safely(self._handle, TimerFired(self._now_ms(), timer))

    async def _record(self) -> None:
        try:
            recorded = await self._recorder.run()
            if recorded is Recorded.SUPERSEDED:
                # Twilio opens another stream only once this one is gone, even if it looks open.
                self._handle(StreamLost(self._now_ms()))
        finally:
            self._recorder.leave_unwritten()
        at_ms = self._now_ms()
        done = recorded is Recorded.COMMITTED
        self._handle(SaveDone(at_ms) if done else SaveFailed(at_ms))

    def _safely(self, function: Callable[[_T], None], what: _T) -> None:
        """Call `function` from a callback. An error ends the call, as it would in a task."""
        try:
            function(what)
        except Exception as error:  # noqa: BLE001 - raised in the task group
            self._group.create_task(_failed(error))

    async def _handle_soon(self, event: Event) -> None:
        self._handle(event)

    def _warn_once(self, message: str, reason: str) -> None:
        if reason not in self._warned:
            self._warned.add(reason)
            _log.warning(message, reason=reason)


async def _failed(error: Exception) -> None:
    raise error


def _age_s(call: Call) -> float:
    """Return the seconds since the call's first stream started."""
    if call.attempt == 1 or call.started_at is None:
        return 0.0
    return (clock.now() - call.started_at).total_seconds()

"""One connection: moves bytes between a WebSocket and a conversation, and keeps the record."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, assert_never

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from simulators.gemini_live.actions import (
    Abort,
    Action,
    Disconnect,
    Problem,
    Recognise,
    Remember,
    Send,
    StopReading,
    Synthesise,
    ToolAnswered,
    ToolCalled,
    TurnSpoken,
    UtteranceHeard,
)
from simulators.gemini_live.conversation import Conversation
from simulators.gemini_live.faults import (
    DelaySetup,
    FaultPlan,
    ForgetSession,
    InSession,
    RefuseLongSetup,
    RefuseResumption,
    RefuseSetup,
    WithholdSetup,
)
from simulators.gemini_live.memory import Memory
from simulators.gemini_live.messages import (
    OUTPUT_HZ,
    AudioChunk,
    AudioInput,
    ClientMessage,
    InputTranscript,
    OutputTranscript,
    ServerMessage,
    Setup,
    VideoInput,
)
from simulators.gemini_live.reading import read
from simulators.gemini_live.record import Received, Sent, SessionRecord
from simulators.gemini_live.refusals import CloseCode, Refused, invalid, known_refusal
from simulators.gemini_live.scenario import Scenario
from simulators.gemini_live.setup_rules import calls_have_ids
from simulators.gemini_live.writing import encode
from simulators.speech.pcm import Pcm
from simulators.speech.recognition import PhraseRecognizer
from simulators.speech.resampling import resample
from simulators.speech.synthesis import synthesize

RECOGNITION_HZ = 16_000
_SETUP_DEADLINE_S = 10.0
_SEND_DEADLINE_S = 10.0
_MOST_EVENTS = 512


class ResumptionDesk(Protocol):
    """Keeps resumption handles, and outlives the sessions."""

    def remember(self, handle: str | None, memory: Memory, model: str, session: int) -> None:
        """Keep `memory` under `handle`; without a handle, do nothing."""

    def redeem(self, handle: str, model: str) -> Memory:
        """Return the memory kept under a handle. Raises Refused."""


@dataclass(frozen=True, slots=True)
class _Came:
    message: ClientMessage


@dataclass(frozen=True, slots=True)
class _Recognised:
    utterance_id: int
    phrase: str | None


@dataclass(frozen=True, slots=True)
class _Synthesised:
    turn_id: int
    pcm: Pcm


@dataclass(frozen=True, slots=True)
class _TimeCame:
    pass


@dataclass(frozen=True, slots=True)
class _Caused:
    fault: InSession


_Event = _Came | _Recognised | _Synthesised | _TimeCame | _Caused


class _Over(Exception):
    """The connection has ended; nothing is left to do."""


class Session:
    """One session; `run` returns when either side has ended the connection."""

    def __init__(
        self,
        socket: ServerConnection,
        scenario: Scenario,
        recognizer: PhraseRecognizer,
        desk: ResumptionDesk,
        record: SessionRecord,
        plan: FaultPlan,
        *,
        vertex: bool,
    ) -> None:
        self._socket = socket
        self._scenario = scenario
        self._recognizer = recognizer
        self._desk = desk
        self._record = record
        self._plan = plan
        self._vertex = vertex
        self._identified = True
        """Whether this session's function calls carry ids."""
        self._loop = asyncio.get_running_loop()
        self._accepted_s = self._loop.time()
        self._set_up_ms = 0.0
        self._events: asyncio.Queue[_Event] = asyncio.Queue(_MOST_EVENTS)
        self._deaf = False
        self._timer: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        try:
            setup = await self._read_setup()
            if setup is not None:
                await self._converse(setup)
        except Refused as refused:
            await self._close(refused.code, refused.reason)
        except (ConnectionClosed, _Over):
            pass
        except TimeoutError:
            await self._close(
                CloseCode.INTERNAL, "Deadline expired before operation could complete."
            )
        finally:
            if self._timer:
                self._timer.cancel()

    def cause(self, fault: InSession) -> None:
        """Cause a fault, once everything queued before it is done.

        With a full queue, the fault is dropped: a flooded session has trouble enough.
        """
        if not self._events.full():
            self._events.put_nowait(_Caused(fault))

    async def _read_setup(self) -> Setup | None:
        """Read the setup; returns None if it must not get a response."""
        async with asyncio.timeout(_SETUP_DEADLINE_S):
            frame = await self._socket.recv()
        message = self._read(frame, None)
        if not isinstance(message, Setup):
            raise AssertionError("a first message other than setup is refused on reading")
        self._record.setup = message
        self._identified = calls_have_ids(message.model, vertex=self._vertex)
        match self._plan.at_connect():
            case WithholdSetup():
                await self._socket.wait_closed()
                return None
            case DelaySetup(delay_s):
                await asyncio.sleep(delay_s)
            case RefuseResumption(code, reason) if message.handle:
                raise Refused(code, reason)
            case RefuseSetup(why):
                raise known_refusal(why)
            case RefuseLongSetup(characters) if len(message.system_instruction) > characters:
                raise invalid("Request contains an invalid argument.")
            case _:
                pass
        return message

    async def _converse(self, setup: Setup) -> None:
        memory = self._desk.redeem(setup.handle, setup.model) if setup.handle else None
        self._record.resumed = memory is not None
        if isinstance(self._plan.at_connect(), ForgetSession):
            memory = None
        conversation = Conversation(
            self._scenario,
            setup,
            session_id=f"session-{self._record.number}",
            memory=memory,
            faults=self._plan,
        )
        self._set_up_ms = self._elapsed_ms()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._receive(setup.model))
                await self._perform(conversation.start(0), tasks, setup)
                while True:
                    self._set_timer(conversation.next_due_ms)
                    event = await self._events.get()
                    actions = self._decide(conversation, event)
                    await self._perform(actions, tasks, setup)
        except ExceptionGroup as group:
            ends, failures = group.split((Refused, ConnectionClosed, _Over, TimeoutError))
            if failures or not ends:
                raise
            raise ends.exceptions[0] from None

    def _decide(self, conversation: Conversation, event: _Event) -> list[Action]:
        now_ms = self._elapsed_ms() - self._set_up_ms
        match event:
            case _Came(message):
                return conversation.receive(message, now_ms)
            case _Recognised(utterance_id, phrase):
                return conversation.recognised(utterance_id, phrase, now_ms)
            case _Synthesised(turn_id, pcm):
                return conversation.synthesised(turn_id, pcm, now_ms)
            case _TimeCame():
                return conversation.advance(now_ms)
            case _Caused(fault):
                return conversation.cause(fault, now_ms)
            case _:
                assert_never(event)

    async def _receive(self, model: str) -> None:
        while True:
            frame = await self._socket.recv()
            await self._events.put(_Came(self._read(frame, model)))
            if self._deaf:
                await self._socket.wait_closed()
                raise _Over

    async def _perform(
        self, actions: Sequence[Action], tasks: asyncio.TaskGroup, setup: Setup
    ) -> None:
        for action in actions:
            match action:
                case Send(message):
                    await self._send(message)
                case Recognise(utterance_id, pcm, rate_hz):
                    tasks.create_task(self._recognise(utterance_id, pcm, rate_hz))
                case Synthesise(turn_id, text):
                    tasks.create_task(self._synthesise(turn_id, text))
                case Remember(handle, memory, lost):
                    number = self._record.number
                    self._desk.remember(None if lost else handle, memory, setup.model, number)
                case Disconnect(code, reason):
                    raise Refused(code, reason)
                case Abort():
                    self._record.close_code = 1006
                    self._record.closed_by_server = True
                    self._socket.transport.abort()
                    raise _Over
                case StopReading():
                    self._deaf = True
                case UtteranceHeard() | TurnSpoken() | ToolCalled() | ToolAnswered() | Problem():
                    self._record.add_note(action)
                case _:
                    assert_never(action)

    async def _recognise(self, utterance_id: int, pcm: Pcm, rate_hz: int) -> None:
        def listen() -> str | None:
            return self._recognizer.recognize(resample(pcm, from_hz=rate_hz, to_hz=RECOGNITION_HZ))

        phrase = await asyncio.to_thread(listen)
        await self._events.put(_Recognised(utterance_id, phrase))

    async def _synthesise(self, turn_id: int, text: str) -> None:
        voice = self._scenario.voice
        pcm = await asyncio.to_thread(synthesize, text, rate_hz=OUTPUT_HZ, voice=voice)
        await self._events.put(_Synthesised(turn_id, pcm))

    def _set_timer(self, due_ms: float | None) -> None:
        if self._timer:
            self._timer.cancel()
        if due_ms is None:
            self._timer = None
            return
        due_s = self._accepted_s + (self._set_up_ms + due_ms) / 1000
        self._timer = self._loop.call_at(due_s, self._ring)

    def _ring(self) -> None:
        # A full queue needs no wake-up: the clock is checked after every event.
        if not self._events.full():
            self._events.put_nowait(_TimeCame())

    def _read(self, frame: str | bytes, model: str | None) -> ClientMessage:
        at_ms = self._elapsed_ms()
        try:
            message = read(frame, model=model, vertex=self._vertex)
        except Refused:
            self._record.add_received(Received(at_ms, "refused", 0, {"frame": str(frame)[:2000]}))
            raise
        if isinstance(message, AudioInput):
            self._record.heard_hz = message.rate_hz
            entry = Received(at_ms, "realtime_input.audio", len(message.data), {})
            self._record.add_received(entry, message.data)
        elif isinstance(message, VideoInput):
            entry = Received(at_ms, "realtime_input.video", 0, {"shows": message.shows})
            self._record.add_received(entry)
        else:
            content: Mapping[str, Any] = json.loads(frame)
            kind, body = next(iter(content.items()))
            if isinstance(message, Setup):
                self._record.setup_message = body
            self._record.add_received(Received(at_ms, kind, 0, body))
        return message

    async def _send(self, message: ServerMessage) -> None:
        async with asyncio.timeout(_SEND_DEADLINE_S):
            frame = encode(message, vertex=self._vertex, identified=self._identified)
            await self._socket.send(frame)
        audio = message.data if isinstance(message, AudioChunk) else b""
        text = message.text if isinstance(message, InputTranscript | OutputTranscript) else ""
        entry = Sent(self._elapsed_ms(), type(message).__name__, len(audio), text)
        self._record.add_sent(entry, audio)

    async def _close(self, code: int, reason: str) -> None:
        self._record.closed_by_server = True
        await self._socket.close(code, reason)

    def _elapsed_ms(self) -> float:
        return (self._loop.time() - self._accepted_s) * 1000

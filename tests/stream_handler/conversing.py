"""A phone and a model that talk over sockets, through a real handler, on the jumping clock."""

import asyncio
import base64
import json
import ssl
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
import trustme
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from ringdown.agents import Agent
from ringdown.audio.telephone import decode_mulaw
from ringdown.calls import Call, CallRecord
from ringdown.tools import Json, ToolDeclaration
from tests.ringdown.kept_clips import write_greeting
from tests.ringdown.samples import a_call
from tests.stream_handler.handler import (
    CONNECTED,
    Handler,
    call_sid,
    media,
    running_handler,
    start,
    stop,
    stream_sid,
)
from tests.stream_handler.little_gemini import LittleGemini, little_gemini, send

FRAME_S = 0.02
_LOUDNESS = (0x10, 0x10, 0x18, 0x20, 0x18)
VOICE = tuple(bytes([louder, louder | 0x80]) * 80 for louder in _LOUDNESS)
"""Frames whose loudness varies as it does within syllables."""
FAN = (VOICE[0],)
HUSH = (b"\xff" * 160,)
READY: Json = {"setupComplete": {"sessionId": "s1"}}
TURN_COMPLETE: Json = {"serverContent": {"generationComplete": True, "turnComplete": True}}
INTERRUPTED: Json = {"serverContent": {"interrupted": True}}
_MODEL_HZ = 24_000
_CHUNK_S = 0.04
_LOUD = 500
"""Samples above this count as loud; line noise and comfort noise stay below it."""
_PAUSE_MS = 500
_LEAST_VOICE_MS = 200


def speech(length_s: float, *, amplitude: int = 8_000) -> bytes:
    """Return PCM16 at the model's rate, whose level rises and falls like a voice's."""
    at = np.arange(int(length_s * _MODEL_HZ))
    wave = np.sin(at * 0.13) * (0.6 + 0.4 * np.sin(at * 0.0007))
    pcm: bytes = (amplitude * wave).astype("<i2").tobytes()
    return pcm


def tone(length_s: float) -> bytes:
    at = np.arange(int(length_s * _MODEL_HZ))
    return (9_000 * np.sin(at * 2 * np.pi * 300 / _MODEL_HZ)).astype("<i2").tobytes()


def hiss(length_s: float, amplitude: int) -> bytes:
    """Return noise; with a small amplitude, it is inaudible over a telephone."""
    noise = np.random.default_rng(1).integers(-amplitude, amplitude + 1, int(length_s * _MODEL_HZ))
    return noise.astype("<i2").tobytes()


def heard_from_caller(text: str) -> Json:
    return {"serverContent": {"inputTranscription": {"text": text}}}


def tool_calls(*calls: Json) -> Json:
    return {"toolCall": {"functionCalls": list(calls)}}


class Phone:
    """A caller's phone: plays what it is sent in real time, echoes marks, obeys `clear`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._buffer: deque[bytes | str] = deque()
        self._more = asyncio.Event()
        self.played: list[tuple[float, bytes]] = []
        """The time at which each 20 ms of audio had been played, and its bytes."""
        self.clears = 0
        self.closed: int | None = None
        """The close code that the stream handler sent."""
        self.over = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            playing = group.create_task(self._play())
            await self._receive()
            playing.cancel()

    # What the caller does

    async def speak(self, length_s: float) -> None:
        await self._send_frames(length_s, VOICE)

    async def run_a_fan(self, length_s: float) -> None:
        await self._send_frames(length_s, FAN)

    async def listen(self, length_s: float) -> None:
        await self._send_frames(length_s, HUSH)

    async def press(self, keys: str, *, every_s: float = 0.3) -> None:
        for key in keys:
            await self.listen(every_s)
            dtmf = {"event": "dtmf", "streamSid": stream_sid(1), "dtmf": {"digit": key}}
            await self.send(json.dumps(dtmf))

    async def hang_up(self) -> None:
        await self.send(stop(1))
        async with asyncio.timeout(30):
            await self.over.wait()

    async def send(self, message: str) -> None:
        """Send a message from Twilio, unless the stream is over."""
        with suppress(ConnectionClosed):
            await self._socket.send(message)

    # What the caller hears

    def heard_s(self, since_s: float = 0.0) -> float:
        """How many seconds of audible sound were played after `since_s`."""
        loud = (at_s > since_s and _is_loud(piece) for at_s, piece in self.played)
        return sum(loud) * FRAME_S

    def first_heard_s(self, since_s: float) -> float | None:
        """When sound was first heard after `since_s`; None if it wasn't."""
        times = (at_s for at_s, piece in self.played if at_s > since_s and _is_loud(piece))
        return next(times, None)

    async def _send_frames(self, length_s: float, frames: tuple[bytes, ...]) -> None:
        loop = asyncio.get_running_loop()
        at_s = loop.time()
        for n in range(round(length_s / FRAME_S)):
            if self.over.is_set():
                return
            await self.send(media(1, frames[n % len(frames)]))
            at_s += FRAME_S
            await asyncio.sleep(at_s - loop.time())

    async def _receive(self) -> None:
        try:
            while True:
                message = json.loads(await self._socket.recv())
                match message["event"]:
                    case "media":
                        self._buffer.append(base64.b64decode(message["media"]["payload"]))
                    case "mark":
                        self._buffer.append(message["mark"]["name"])
                    case "clear":
                        await self._clear()
                    case kind:
                        raise AssertionError(f"Twilio doesn't know {kind!r} messages")
                self._more.set()
        except ConnectionClosed as error:
            self.closed = error.rcvd.code if error.rcvd is not None else 1006
            self.over.set()

    async def _clear(self) -> None:
        self.clears += 1
        waiting = [item for item in self._buffer if isinstance(item, str)]
        self._buffer.clear()
        for name in waiting:
            await self._echo(name)

    async def _play(self) -> None:
        loop = asyncio.get_running_loop()
        at_s = 0.0
        while True:
            while not self._buffer:
                self._more.clear()
                await self._more.wait()
            item = self._buffer.popleft()
            if isinstance(item, str):
                await self._echo(item)
                continue
            piece, rest = item[:160], item[160:]
            if rest:
                self._buffer.appendleft(rest)
            at_s = max(at_s, loop.time()) + len(piece) / 8_000
            await asyncio.sleep(at_s - loop.time())
            self.played.append((at_s, piece))

    async def _echo(self, name: str) -> None:
        mark = {"event": "mark", "streamSid": stream_sid(1), "mark": {"name": name}}
        await self.send(json.dumps(mark))


@dataclass(slots=True)
class Conversation:
    """A call, and the texts that the model got during it."""

    handler: Handler
    gemini: LittleGemini
    phone: Phone
    told: list[tuple[float, str]] = field(default_factory=list)
    """The texts sent to the model after the one that opened the call, each with its time."""

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.told]

    def told_since(self, at_s: float) -> list[tuple[float, str]]:
        """The texts sent after `at_s`, each with the seconds since then."""
        return [(round(told_s - at_s, 1), text) for told_s, text in self.told if told_s > at_s]

    async def ended(self) -> CallRecord:
        """Hang up if the call is still live, and return its record."""
        await self.phone.hang_up()
        return await self.handler.record(1)


class Model:
    """One session of a model that hears the caller's voice; subclasses define how it reacts."""

    def __init__(
        self, gemini: LittleGemini, socket: ServerConnection, conversation: Conversation
    ) -> None:
        self.gemini, self.socket, self.conversation = gemini, socket, conversation
        self.number = len(gemini.setups)
        """1 for the call's first session."""
        self.heard = 0
        """The number of utterances heard so far."""
        self._voiced_ms = self._silent_ms = 0.0
        self._greeted = False

    async def greet(self) -> None:
        await self.say("Hello.", 0.3)

    async def told(self, text: str) -> None:
        """Called for each text after the one that opened the call."""

    async def caller_began(self) -> None:
        """Called when the caller has spoken for 200 ms."""

    async def caller_spoke(self) -> None:
        """Called when the caller has spoken and then been silent for half a second."""

    async def tool_answered(self, id: str, response: Json) -> None:
        """Called when one of this session's tool calls gets its result."""

    async def send(self, *messages: Json | str | bytes) -> None:
        with suppress(ConnectionClosed):
            await send(self.socket, *messages)

    async def say(
        self,
        text: str,
        length_s: float,
        *,
        pcm: bytes | None = None,
        at_once: bool = True,
        end: bool = True,
    ) -> None:
        """Send a reply with its transcript, in real time unless it comes `at_once`."""
        sound, step = pcm or speech(length_s), int(_MODEL_HZ * _CHUNK_S) * 2
        for at in range(0, len(sound), step):
            data = base64.b64encode(sound[at : at + step]).decode()
            audio = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}
            content: Json = {"modelTurn": {"parts": [audio]}}
            if at == 0 and text:
                content["outputTranscription"] = {"text": text}
            await self.send({"serverContent": content})
            if not at_once:
                await asyncio.sleep(_CHUNK_S)
        if end:
            await self.send(TURN_COMPLETE)

    async def run(self) -> None:
        await self.send(READY)
        async with asyncio.TaskGroup() as group:
            with suppress(ConnectionClosed):
                async for frame in self.socket:
                    message = json.loads(frame)
                    self.gemini.take(message)
                    for reaction in self._reactions(message):
                        group.create_task(reaction)

    def _reactions(self, message: Json) -> list[Json]:
        given = message.get("realtime_input", {})
        if "text" in given:
            return [self._read(given["text"])]
        if "audio" in given:
            return self._hear(base64.urlsafe_b64decode(given["audio"]["data"]))
        answer = message.get("tool_response") or message.get("toolResponse") or {}
        answers = answer.get("function_responses") or answer.get("functionResponses") or []
        return [self.tool_answered(item["id"], item["response"]) for item in answers]

    async def _read(self, text: str) -> None:
        if self.number == 1 and not self._greeted:
            self._greeted = True
            await self.greet()
        else:
            now_s = asyncio.get_running_loop().time()
            self.conversation.told.append((now_s, text))
            await self.told(text)

    def _hear(self, pcm: bytes) -> list[Json]:
        length_ms = len(pcm) / 32
        if np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)).mean() > _LOUD:
            before, self._silent_ms = self._voiced_ms, 0.0
            self._voiced_ms += length_ms
            return [self.caller_began()] if before < _LEAST_VOICE_MS <= self._voiced_ms else []
        self._silent_ms += length_ms
        if self._silent_ms < _PAUSE_MS:
            return []
        spoke, self._voiced_ms = self._voiced_ms >= _LEAST_VOICE_MS, 0.0
        if not spoke:
            return []
        self.heard += 1
        return [self.caller_spoke()]


class Converse(Protocol):
    """Connects a call to this kind of model. If given, `clip` is played as the greeting."""

    def __call__(
        self,
        model: type[Model] = Model,
        *,
        agent: Agent | None = None,
        tools: tuple[ToolDeclaration, ...] = (),
        fallback_number: str | None = None,
        clip: bytes | None = None,
    ) -> AbstractAsyncContextManager[Conversation]: ...


def conversing(certificates: trustme.CA, trusting: ssl.SSLContext, folder: Path) -> Converse:
    @asynccontextmanager
    async def converse(
        model: type[Model] = Model,
        *,
        agent: Agent | None = None,
        tools: tuple[ToolDeclaration, ...] = (),
        fallback_number: str | None = None,
        clip: bytes | None = None,
    ) -> AsyncIterator[Conversation]:
        call = msgspec.structs.replace(
            a_call(call_sid=call_sid(1), agent=agent, fallback_number=fallback_number),
            tools=tools,
        )
        conversations: list[Conversation] = []

        async def script(gemini: LittleGemini, socket: ServerConnection) -> None:
            await model(gemini, socket, conversations[0]).run()

        with _alone():
            async with (
                little_gemini(certificates, script) as gemini,
                running_handler(gemini, trusting, folder, within_s=3_600) as handler,
                _calling(handler, call) as phone,
            ):
                if clip is not None:
                    await write_greeting(handler.store, call.agent_id, call.agent, clip)
                conversations.append(Conversation(handler, gemini, phone))
                await phone.send(CONNECTED)
                await phone.send(start(1))
                yield conversations[0]
                await phone.hang_up()

    return converse


@asynccontextmanager
async def _calling(handler: Handler, call: Call) -> AsyncIterator[Phone]:
    await handler.store.open_call(call)
    async with handler.socket() as socket, asyncio.TaskGroup() as group:
        phone = Phone(socket)
        running = group.create_task(phone.run())
        yield phone
        running.cancel()


@contextmanager
def _alone() -> Iterator[None]:
    """Unwrap a test's failure from the exception groups of its task groups."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from None


def _is_loud(piece: bytes) -> bool:
    return bool(np.abs(decode_mulaw(piece).astype(np.int32)).mean() > _LOUD)

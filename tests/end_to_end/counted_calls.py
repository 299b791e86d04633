"""Many calls that are cheap to place: both ends know and count every word that was said.

A caller sends silence or noise and plays what it hears; a model speaks numbered sentences. So tests
know, word for word, what each call's record must contain. Audio comes in pieces of 100 ms, five of
Twilio's frames: a fifth of the work, and the same record.
"""

import asyncio
import base64
import contextlib
import json
import re
import ssl
import time
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import trustme
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from devtools.stack import Stack
from ringdown.calls import CallRecord, Speaker, ToolOutcome
from simulators.twilio.identity import CallIdentity, new_sid
from simulators.twilio.signatures import Signer
from simulators.twilio.stream_messages import (
    FRAME_BYTES,
    FRAME_MS,
    SILENT_FRAME,
    StreamEncoder,
    StreamIdentity,
)
from simulators.twilio.twiml import ConnectStream
from simulators.twilio.twiml_parser import parse_twiml

LINE = "+14155550100"
TOOL = "count"
WEBHOOK_WITHIN_S = 15.0  # Twilio's own patience
_SPOKEN_MS = 300
_MODEL_HZ = 24_000
_PAUSE_S = 0.3
_NOISE_S = 0.3
_PIECE_FRAMES = 5
_PIECE_S = _PIECE_FRAMES * FRAME_MS / 1000
_SILENCE = SILENT_FRAME * _PIECE_FRAMES
_NOISE = bytes([0x10]) * FRAME_BYTES * _PIECE_FRAMES
"""Loud enough to pass for a voice."""
_TURNED_AWAY = (1011, 1013)
"""Too slow to claim the call, or too busy for it."""
_CALLS_AGAIN_AFTER_S = 2.0
_ANSWERED_WITHIN_S = 10.0
_CALLER = re.compile(r"\+1415556\d{4}")
_TOOL_EVERY = 3
_USAGE = {"promptTokenCount": 90, "responseTokenCount": 10, "totalTokenCount": 100}


@dataclass(slots=True)
class CountedCall:
    """A call as its two ends saw it."""

    number: int
    turns: int
    """How many times the model should speak, including the greeting."""
    call_sid: str
    spoken: int = 0
    asked: int = 0
    tools_asked: list[str] = field(default_factory=list)
    tool_answers: Counter[str] = field(default_factory=Counter)
    sessions: int = 0
    caller_speaks: bool = False
    said_all: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def caller(self) -> str:
        return f"+1415556{self.number:04d}"

    def differences(self, record: CallRecord | None) -> list[str]:
        """What the record lacks or shouldn't have; empty if it is correct."""
        if record is None:
            return [f"{self.caller}: record missing"]
        told = {who: [t.text for t in record.turns if t.speaker is who] for who in Speaker}
        due: dict[str, tuple[object, object]] = {
            "the model's sessions": (self.sessions, 1),
            "agent turns": (
                told[Speaker.AGENT],
                [self.sentence(n) for n in range(1, self.spoken + 1)],
            ),
            "caller turns": (
                told[Speaker.CALLER],
                [self.question(n) for n in range(1, self.asked + 1)],
            ),
            "tool calls": ([call.id for call in record.tool_calls], self.tools_asked),
            "tool outcomes": (
                {call.outcome for call in record.tool_calls},
                {ToolOutcome.ANSWERED},
            ),
            "answers to the model": (self.tool_answers, Counter(self.tools_asked)),
            "usage reports": (record.call.usage.reports, self.spoken),
            "claims": ([claim.attempt for claim in record.claims], [1]),
            "status": (record.call.status.value, "ended"),
            "end": (record.call.end_reason, "caller_hung_up"),
        }
        return [
            f"{self.caller}: {what} are {is_!r}, and must be {must!r}"
            for what, (is_, must) in due.items()
            if is_ != must
        ]

    def sentence(self, n: int) -> str:
        return f"Sentence {n} to {self.number}."

    def question(self, n: int) -> str:
        return f"Question {n} of {self.number}."


# The model's end


class CountingModel:
    """Speaks each call's sentences to its caller; recognises callers by their instructions, which
    must contain {caller_number}."""

    def __init__(self) -> None:
        self.url = ""
        self.ca_file = Path()
        self.calls: dict[str, CountedCall] = {}
        spoken = b"\x00\x20" * (_MODEL_HZ * _SPOKEN_MS // 1000)
        part = {
            "inlineData": {
                "mimeType": f"audio/pcm;rate={_MODEL_HZ}",
                "data": base64.b64encode(spoken).decode(),
            }
        }
        self._audio = _message({"serverContent": {"modelTurn": {"parts": [part]}}})

    async def converse(self, socket: ServerConnection) -> None:
        setup = str(await socket.recv())
        found = _CALLER.search(setup)
        assert found is not None, f"no caller in {setup}"
        call = self.calls[found[0]]
        call.sessions += 1
        await socket.send(_message({"setupComplete": {}}))
        asked, answered = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            speaking = group.create_task(self._speak(socket, call, asked, answered))
            with contextlib.suppress(ConnectionClosed):
                await _listen(socket, call, asked, answered)
            speaking.cancel()

    async def _speak(
        self,
        socket: ServerConnection,
        call: CountedCall,
        asked: asyncio.Event,
        answered: asyncio.Event,
    ) -> None:
        await asked.wait()
        with contextlib.suppress(ConnectionClosed):
            while call.spoken < call.turns:
                await self._say(socket, call)
                await asyncio.sleep(_SPOKEN_MS / 1000 + _PAUSE_S)
                if call.spoken < call.turns:
                    await _ask(socket, call)
                    if call.asked % _TOOL_EVERY == 0:
                        await _call_tool(socket, call, answered)
            call.said_all.set()

    async def _say(self, socket: ServerConnection, call: CountedCall) -> None:
        call.spoken += 1
        await socket.send(self._audio)
        await _send_content(socket, outputTranscription={"text": call.sentence(call.spoken)})
        await _send_content(socket, generationComplete=True)
        await socket.send(
            _message({"serverContent": {"turnComplete": True}, "usageMetadata": _USAGE})
        )


async def _listen(
    socket: ServerConnection, call: CountedCall, asked: asyncio.Event, answered: asyncio.Event
) -> None:
    """Read what the handler sends, except audio; its first text asks for the greeting."""
    async for frame in socket:
        text = str(frame) if isinstance(frame, str) else frame.decode()
        if '"data"' in text:
            continue
        if '"tool_response"' in text:
            responses = json.loads(text)["tool_response"]["functionResponses"]
            call.tool_answers.update(response["id"] for response in responses)
            answered.set()
        elif '"text"' in text:
            asked.set()


async def _ask(socket: ServerConnection, call: CountedCall) -> None:
    """Have the caller make noise for a while, then send what they asked as a transcript."""
    call.asked += 1
    call.caller_speaks = True
    await asyncio.sleep(_NOISE_S)
    call.caller_speaks = False
    await asyncio.sleep(_PAUSE_S)
    await _send_content(socket, inputTranscription={"text": call.question(call.asked)})


async def _call_tool(socket: ServerConnection, call: CountedCall, answered: asyncio.Event) -> None:
    call_id = f"{call.number}-{call.asked}"
    call.tools_asked.append(call_id)
    answered.clear()
    function = {"id": call_id, "name": TOOL, "args": {"n": call.asked}}
    await socket.send(_message({"toolCall": {"functionCalls": [function]}}))
    async with asyncio.timeout(_ANSWERED_WITHIN_S):
        await answered.wait()


async def _send_content(socket: ServerConnection, **content: object) -> None:
    await socket.send(_message({"serverContent": content}))


def _message(fields: dict[str, object]) -> bytes:
    """Encode a message in bytes, because the service sends JSON in binary frames."""
    return json.dumps(fields).encode()


@asynccontextmanager
async def counting_model(folder: Path) -> AsyncIterator[CountingModel]:
    model = CountingModel()
    authority = trustme.CA()
    model.ca_file = folder / "model.pem"
    authority.cert_pem.write_to_path(str(model.ca_file))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    async with serve(
        model.converse, "127.0.0.1", 0, ssl=tls, compression=None, ping_interval=None
    ) as server:
        model.url = f"https://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield model


# The caller's end


@dataclass(frozen=True, slots=True)
class Exchange:
    """Places calls at the stack's webhook like Twilio."""

    stack: Stack
    http: httpx2.AsyncClient

    @property
    def _signer(self) -> Signer:
        return Signer(self.stack.twilio_auth_token)

    async def carry(self, call: CountedCall) -> None:
        """Ring, stream until everything is said and played, and hang up.

        A caller who is turned away, perhaps because the machine is busy, calls again.
        """
        while not await self._carried(call):
            await asyncio.sleep(_CALLS_AGAIN_AFTER_S)
            call.call_sid = new_sid("CA")

    async def _carried(self, call: CountedCall) -> bool:
        stream = await self._ring(call)
        identity = StreamIdentity(
            "AC" + "5" * 32, call.call_sid, f"MZ{call.number:032x}", stream.parameters
        )
        async with connect(
            stream.url,
            additional_headers=self._signer.headers(stream.url),
            compression=None,
            proxy=None,
        ) as socket:
            caller = _Caller(socket, StreamEncoder(identity), call)
            if not await caller.talk():
                return False
        await self._post(call, "/status", "completed")
        return True

    async def _ring(self, call: CountedCall) -> ConnectStream:
        answer = await self._post(call, "", "ringing")
        for verb in parse_twiml(answer).document.verbs:
            if isinstance(verb, ConnectStream):
                return verb
        raise AssertionError(f"{call.caller} got no stream: {answer}")

    async def _post(self, call: CountedCall, path: str, status: str) -> str:
        url = self.stack.webhook_url + path
        form = CallIdentity("AC" + "5" * 32, call.call_sid, LINE, call.caller).voice(status)
        if status == "completed":
            form = (*form, ("CallDuration", "10"))
        response = await self.http.post(
            url,
            data=dict(form),
            headers=self._signer.headers(url, form),
            timeout=WEBHOOK_WITHIN_S,
        )
        assert response.is_success, f"{path or '/'} answered {response.status_code}"
        return response.text


class _Caller:
    """Sends a piece of audio every 100 ms; echoes marks once the audio before them was played."""

    def __init__(self, socket: ClientConnection, encoder: StreamEncoder, call: CountedCall) -> None:
        self._socket = socket
        self._encoder = encoder
        self._call = call
        self._played_until_s = 0.0
        self._echoes: deque[tuple[float, str]] = deque()

    async def talk(self) -> bool:
        """Stream the call; returns False if the handler turned it away."""
        await self._socket.send(self._encoder.connected())
        await self._socket.send(self._encoder.start())
        was_carried = True
        try:
            async with asyncio.TaskGroup() as group:
                playing = group.create_task(self._play())
                await self._send_audio()
                await self._socket.send(self._encoder.stop())
                await self._socket.close()
                playing.cancel()
        except* ConnectionClosed:
            if self._socket.close_code not in _TURNED_AWAY or self._call.sessions:
                raise
            was_carried = False
        return was_carried

    async def _send_audio(self) -> None:
        due_s = time.monotonic()
        while not self._call.said_all.is_set() or self._echoes:
            piece = _NOISE if self._call.caller_speaks else _SILENCE
            await self._socket.send(self._encoder.media(piece))
            while self._echoes and self._echoes[0][0] <= time.monotonic():
                await self._socket.send(self._encoder.mark(self._echoes.popleft()[1]))
            due_s += _PIECE_S
            await asyncio.sleep(due_s - time.monotonic())

    async def _play(self) -> None:
        async for frame in self._socket:
            message = json.loads(frame)
            now_s = time.monotonic()
            match message["event"]:
                case "media":
                    length = len(message["media"]["payload"]) * 3 / 4
                    self._played_until_s = max(self._played_until_s, now_s) + length / 8_000
                case "mark":
                    due_s = max(self._played_until_s, now_s)
                    self._echoes.append((due_s, message["mark"]["name"]))
                case _:  # clear
                    self._played_until_s = now_s

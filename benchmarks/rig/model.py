"""A Gemini Live endpoint that listens for marks, speaks marked audio and interrupts itself."""

import asyncio
import base64
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from benchmarks.rig.accounting import BargeIn, CallLog
from benchmarks.rig.marks import BurstDetector, Piece, marked_pieces
from benchmarks.rig.schedule import Schedule
from benchmarks.rig.speaking import CHUNK_MS, Turn, turns
from benchmarks.rig.wires import MODEL_HZ, Wire, from_base64, quoted_after

_SEED = 2
_CHUNK_S = CHUNK_MS / 1000
_BEGINNING = 100
_CHUNKS_A_TRANSCRIPT = 8  # about three transcripts a second
_TRANSCRIPT_S = _CHUNKS_A_TRANSCRIPT * _CHUNK_S


def _message(fields: dict[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


_USAGE = {
    "promptTokenCount": 900,
    "responseTokenCount": 60,
    "totalTokenCount": 960,
    "promptTokensDetails": [
        {"modality": "AUDIO", "tokenCount": 700},
        {"modality": "TEXT", "tokenCount": 200},
    ],
    "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 60}],
}
_SETUP_COMPLETE = _message({"setupComplete": {}})
_SAID = _message({"serverContent": {"outputTranscription": {"text": " every month"}}})
_UNDERSTOOD = _message({"serverContent": {"inputTranscription": {"text": " a delivery"}}})
_INTERRUPTED = _message({"serverContent": {"interrupted": True}})
_GENERATION_COMPLETE = _message({"serverContent": {"generationComplete": True}})
_TURN_COMPLETE = _message({"serverContent": {"turnComplete": True}, "usageMetadata": _USAGE})


@dataclass(frozen=True, slots=True)
class Speech:
    """What every session of an endpoint says, ready to be sent."""

    pieces: tuple[Piece, ...]
    messages: tuple[bytes, ...]


def speech_for(wire: Wire) -> Speech:
    pieces = marked_pieces(MODEL_HZ, CHUNK_MS, _SEED)
    return Speech(pieces, tuple(_audio(wire.chunk(piece.pcm)) for piece in pieces))


class ModelSession(WSListener):
    """One call's session: notes bursts that arrive, and speaks its planned turns."""

    def __init__(
        self, call: CallLog, plan: Iterator[Turn], line: "Line", opened: Callable[[], None]
    ) -> None:
        self._call = call
        self._plan = plan
        self._line = line
        self._opened = opened
        self._transport: WSTransport | None = None
        self._detector: BurstDetector | None = None
        self._input_hz = 0
        self._set_up = False
        self._hushed = False
        self._turn = next(plan)
        self._spoken = 0
        self._chunks_sent = 0

    def hush(self) -> None:
        """The call is ending: say nothing more, and let the peer close."""
        self._hushed = True

    # Receiving

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        now_s = time.perf_counter()
        if frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY):
            message = frame.get_payload_as_bytes()
            data = quoted_after(message, b'"data"')
            if data and b'"video"' in message[:_BEGINNING]:
                self._call.pictures += 1
            elif data:
                self._hear(message, data, now_s)
            else:
                self._obey(message, now_s)
        elif frame.msg_type is WSMsgType.CLOSE:
            transport.send_close()
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None
        if not self._hushed:
            self._call.fail("the model's session was closed")

    def _hear(self, message: bytes, data: bytes, now_s: float) -> None:
        wire = self._line.wire
        if self._detector is None:
            self._input_hz = wire.input_hz(message)
            self._detector = BurstDetector(self._input_hz)
        for heard in self._detector.take(wire.samples(from_base64(data)), now_s):
            self._call.up.heard(heard, self._input_hz)

    def _obey(self, message: bytes, now_s: float) -> None:
        """Handle a message: the first one is the setup; the first text asks for the greeting."""
        if not self._set_up:
            self._set_up = True
            self._send(_SETUP_COMPLETE)
            self._opened()
            if self._line.greets_at_once:
                self._greet(now_s)
        elif self._call.asked_s is None and b'"text"' in message:
            self._greet(now_s)

    # Speech

    def _greet(self, now_s: float) -> None:
        self._call.asked_s = now_s
        self._speak(now_s)

    def _begin_turn(self, due_s: float) -> None:
        self._turn = next(self._plan)
        self._spoken = 0
        self._speak(due_s)

    def _speak(self, due_s: float) -> None:
        if self._silent:
            return
        speech = self._line.speech
        index = (self._turn.first + self._spoken) % len(speech.pieces)
        now_s = time.perf_counter()
        self._send(speech.messages[index])
        mark = speech.pieces[index].mark
        if mark is not None:
            offset_s = mark.offset / MODEL_HZ
            position_ms = 1000 * (self._chunks_sent * _CHUNK_S + offset_s)
            self._call.down.sent(mark.tone, now_s + offset_s, position_ms)
        self._chunks_sent += 1
        if self._spoken % _CHUNKS_A_TRANSCRIPT == 0:
            self._send(_SAID)
        self._spoken += 1
        self._schedule_next(due_s)

    def _schedule_next(self, due_s: float) -> None:
        if self._spoken < self._turn.chunks:
            self._at(due_s + _CHUNK_S, self._speak)
        elif self._turn.interrupted:
            self._at(due_s + _CHUNK_S / 2, self._interrupt)
        else:
            self._at(due_s + _CHUNK_S, self._complete)

    def _interrupt(self, due_s: float) -> None:
        if self._silent:
            return
        now_s = time.perf_counter()
        self._call.barge_ins.append(BargeIn(now_s))
        self._call.down.interrupted(now_s)
        self._send(_INTERRUPTED)
        self._send(_TURN_COMPLETE)
        self._pause(due_s)

    def _complete(self, due_s: float) -> None:
        if self._silent:
            return
        self._send(_GENERATION_COMPLETE)
        self._send(_TURN_COMPLETE)
        self._pause(due_s)

    def _pause(self, due_s: float) -> None:
        """Pause, and send transcripts of the caller's words meanwhile."""
        ends_s = due_s + self._turn.pause_s
        heard_s = due_s + _TRANSCRIPT_S
        while heard_s < ends_s:
            self._at(heard_s, self._understand)
            heard_s += _TRANSCRIPT_S
        self._at(ends_s, self._begin_turn)

    def _understand(self, _due_s: float) -> None:
        if not self._silent:
            self._send(_UNDERSTOOD)

    @property
    def _silent(self) -> bool:
        return self._hushed or self._transport is None

    def _at(self, due_s: float, function: Callable[[float], None]) -> None:
        self._line.schedule.at(due_s, lambda: function(due_s))

    def _send(self, message: bytes) -> None:
        if self._transport is not None:
            self._transport.send(WSMsgType.BINARY, message)  # as the service does


@dataclass(frozen=True, slots=True)
class Line:
    """What an endpoint's sessions share."""

    wire: Wire
    greets_at_once: bool
    schedule: Schedule
    speech: Speech


class ModelEndpoint:
    """Accepts one session at a time: the one for the call that was announced."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._expected: tuple[int, CallLog, asyncio.Event] | None = None
        self.sessions: list[ModelSession] = []

    @contextmanager
    def expecting(self, number: int, call: CallLog) -> Iterator[asyncio.Event]:
        """Expect the next session to be this call's; the event is set once it has been set up."""
        opened = asyncio.Event()
        self._expected = number, call, opened
        try:
            yield opened
        finally:
            self._expected = None

    def accept(self, _request: WSUpgradeRequest) -> ModelSession | None:
        """Return the listener for a connection; None refuses an unexpected one."""
        if self._expected is None:
            return None
        (number, call, opened), self._expected = self._expected, None
        plan = turns(number, self._line.speech.pieces)
        session = ModelSession(call, plan, self._line, opened.set)
        self.sessions.append(session)
        return session

    def hush(self) -> None:
        for session in self.sessions:
            session.hush()
        self.sessions.clear()


@asynccontextmanager
async def serving(endpoint: ModelEndpoint, tls: ssl.SSLContext) -> AsyncIterator[int]:
    """Serve an endpoint; yields the port that it listens on."""
    server = await ws_create_server(endpoint.accept, "127.0.0.1", 0, ssl=tls)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


def _audio(data: bytes) -> bytes:
    part = {
        "inlineData": {
            "mimeType": f"audio/pcm;rate={MODEL_HZ}",
            "data": base64.b64encode(data).decode(),
        }
    }
    return _message({"serverContent": {"modelTurn": {"parts": [part]}}})

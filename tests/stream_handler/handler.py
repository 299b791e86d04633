"""A real StreamServer with a store and a model, and sockets on which callers reach it."""

import asyncio
import base64
import json
import logging
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twilio.request_validator import RequestValidator
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from ringdown.agents import Agent
from ringdown.calls import CallRecord, CallStore, stream_token
from ringdown.calls.recordings import RecordingStore
from ringdown.errors import NoCredentials
from ringdown.gemini.backend import DeveloperApi, GeminiBackend
from ringdown.gemini.session import GeminiLive
from ringdown.stores.sqlite import SqliteStore
from ringdown.tools.client import ToolClient
from ringdown.tools.identity_tokens import IdentityToken, IdentityTokens
from stream_handler.agent_watch import AgentWatch
from stream_handler.bridge import Services
from stream_handler.loop_watch import LoopWatch
from stream_handler.record.traces import SpanExport
from stream_handler.server import Patience, StreamServer
from stream_handler.settings import Settings
from stream_handler.upload_watch import UploadWatch
from tests.ringdown.samples import a_call
from tests.stream_handler.little_gemini import LittleGemini, is_text

AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
TOKEN_SECRET = "s" * 64
STREAM_URL = "wss://stream.example.com"
SIGNED_URL = f"{STREAM_URL}/media"
SHORT_PATIENCE = Patience(for_start_s=3.0, for_turns_to_end_s=0.2, for_calls_to_be_saved_s=3.0)
LOOK_EVERY_S = 0.05
LOUD_FRAME = bytes([0x10]) * 160


def signature_headers(url: str = SIGNED_URL, algorithm: str | None = None) -> dict[str, str]:
    signature = RequestValidator(AUTH_TOKEN).compute_signature(url, {}, algorithm)
    headers = {"X-Twilio-Signature": signature}
    if algorithm is not None:
        headers["X-Twilio-Webhooks-Signature-Settings"] = f"key=k1,algorithm={algorithm}"
    return headers


def call_sid(number: int) -> str:
    return f"CA{number:032x}"


def stream_sid(number: int) -> str:
    return f"MZ{number:032x}"


def token(number: int, *, attempt: int = 1, age_s: float = 0.0) -> str:
    return stream_token.mint(
        (TOKEN_SECRET,), call_sid=call_sid(number), attempt=attempt, now_s=time.time() - age_s
    )


def start(number: int, **changes: Any) -> str:
    """Twilio's `start` message for call `number`; `changes` replace its fields."""
    fields = {
        "accountSid": "AC" + "0" * 32,
        "streamSid": stream_sid(number),
        "callSid": call_sid(number),
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"token": token(number)},
        **changes,
    }
    return json.dumps(
        {"event": "start", "sequenceNumber": "1", "start": fields, "streamSid": stream_sid(number)}
    )


def media(number: int, mulaw: bytes = LOUD_FRAME) -> str:
    payload = base64.b64encode(mulaw).decode()
    fields = {"track": "inbound", "chunk": "2", "timestamp": "5", "payload": payload}
    return json.dumps({"event": "media", "media": fields, "streamSid": stream_sid(number)})


def stop(number: int) -> str:
    return json.dumps({"event": "stop", "stop": {}, "streamSid": stream_sid(number)})


CONNECTED = '{"event":"connected","protocol":"Call","version":"1.0.0"}'


@dataclass(slots=True)
class Handler:
    """A running stream handler."""

    port: int
    store: SqliteStore
    gemini: LittleGemini
    stopping: asyncio.Event
    stopped: asyncio.Event
    open_calls: set[int] = field(default_factory=set)

    @asynccontextmanager
    async def socket(
        self, *, path: str = "/media", headers: dict[str, str] | None = None
    ) -> AsyncIterator[ClientConnection]:
        async with connect(
            f"ws://127.0.0.1:{self.port}{path}",
            additional_headers=signature_headers() if headers is None else headers,
            compression=None,
            close_timeout=1.0,
            proxy=None,
        ) as socket:
            yield socket

    @asynccontextmanager
    async def call(
        self, number: int, agent: Agent | None = None
    ) -> AsyncIterator[ClientConnection]:
        """Open a call, and wait until the model has been asked for its greeting."""
        await self.store.open_call(a_call(call_sid=call_sid(number), agent=agent))
        async with self.socket() as socket:
            await socket.send(CONNECTED)
            await socket.send(start(number))
            await self.gemini.heard(is_text)
            yield socket

    async def record(self, number: int) -> CallRecord:
        record = await self.store.read_record(call_sid(number))
        assert record is not None
        return record

    async def http(self, request: bytes) -> str:
        """Send a plain HTTP request, and return the response."""
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(request)
            try:
                return (await reader.read()).decode()
            finally:
                writer.close()


@asynccontextmanager
async def running_handler(
    gemini: LittleGemini,
    trusting: ssl.SSLContext,
    folder: Path,
    *,
    claims: CallStore | None = None,
    max_calls: int = 20,
    patience: Patience = SHORT_PATIENCE,
    tools: ToolClient | None = None,
    endpoints: tuple[GeminiBackend, ...] = (),
    recordings: RecordingStore | None = None,
    within_s: float = 30.0,
    traces: SpanExport | None = None,
) -> AsyncIterator[Handler]:
    """Serve until the block ends, and check that no call has left tasks behind.

    `endpoints` are dialled when `gemini` fails.
    """
    before = asyncio.all_tasks()
    store = SqliteStore(folder / "records.db")
    tools = tools or ToolClient(IdentityTokens(_no_token))
    models = tuple(
        GeminiLive(backend, tls=trusting, connect_timeout_s=2.0)
        for backend in (DeveloperApi("key-0123456789", gemini.url), *endpoints)
    )
    services = Services(
        claims or store,
        store,
        models,
        tools,
        AgentWatch(store, every_s=LOOK_EVERY_S),
        store,
        UploadWatch(store, every_s=LOOK_EVERY_S),
        recordings or store.recordings,
        traces,
    )
    watch = LoopWatch(now_s=asyncio.get_running_loop().time)
    server = StreamServer(_settings(max_calls), services, patience, watch)
    stopping, stopped = asyncio.Event(), asyncio.Event()

    async def serve() -> None:
        await server.serve(stopping)
        stopped.set()

    try:
        async with asyncio.timeout(within_s), asyncio.TaskGroup() as group:
            with _announced_port() as port:
                group.create_task(serve())
                handler = Handler(await port, store, gemini, stopping, stopped)
            try:
                yield handler
            finally:
                stopping.set()
    finally:
        await tools.close()
        await store.close()
    left = [t for t in asyncio.all_tasks() - before if "Bridge." in repr(t.get_coro())]
    assert not left, f"tasks that outlive their calls: {left}"


def _no_token(_audience: str) -> IdentityToken:
    raise NoCredentials("this test is not on Google Cloud")


async def closed(socket: ClientConnection) -> tuple[int, str]:
    """Return the code and reason with which the handler closes the socket."""
    try:
        async with asyncio.timeout(8):
            while True:
                await socket.recv()
    except ConnectionClosed as error:
        received = error.rcvd
        return (received.code, received.reason) if received is not None else (1006, "")


def _settings(max_calls: int) -> Settings:
    return Settings(
        host="127.0.0.1",
        port=0,
        stream_url=STREAM_URL,
        twilio_auth_tokens=(AUTH_TOKEN,),
        twilio_shared_key_secret=None,
        stream_token_secrets=(TOKEN_SECRET,),
        store_url="",
        recordings=None,
        endpoints=(DeveloperApi("unused"),),
        max_calls=max_calls,
        handler="test/1",
    )


class _Listener(logging.Handler):
    """Waits for one log message."""

    def __init__(self, message: str) -> None:
        super().__init__()
        self._message = message
        self.heard = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == self._message:
            self.heard.set()


@contextmanager
def listening_for(message: str, logger: str) -> Iterator[asyncio.Event]:
    """An event that is set when `logger` logs `message`."""
    listener = _Listener(message)
    logging.getLogger(logger).addHandler(listener)
    try:
        yield listener.heard
    finally:
        logging.getLogger(logger).removeHandler(listener)


class _ReadyHandler(logging.Handler):
    """Waits for the log line that contains the server's port."""

    def __init__(self, port: "asyncio.Future[int]") -> None:
        super().__init__()
        self._port = port

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == "ready" and not self._port.done():
            self._port.set_result(vars(record)["ringdown_fields"]["port"])


@contextmanager
def _announced_port() -> "Iterator[asyncio.Future[int]]":
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    logger, ears = logging.getLogger("stream_handler.server"), _ReadyHandler(port)
    level = logger.level
    logger.addHandler(ears)
    logger.setLevel(logging.INFO)
    try:
        yield port
    finally:
        logger.removeHandler(ears)
        logger.setLevel(level)

"""Tool calls: from the model's message on our socket to the request at the function.

The function asks for an ID token, as a private Cloud Function does; connection and token are warm.
"""

import asyncio
import base64
import json
import ssl
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import trustme
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from benchmarks.results import ToolCallTime
from benchmarks.targets import Ringdown, Route, Surroundings
from devtools.processes import ProcessFailed
from ringdown.agents import packaged_document
from ringdown.stores import Store, open_store
from ringdown.tools import ToolDeclaration
from simulators.twilio.stream_messages import StreamEncoder

_CALLED = "+14155550100"
_AGENT = "with-a-tool"
_TOOL = "look_up"
_WARM_UPS = 20
_EVERY_S = 0.05
_WITHIN_S = 20.0
_SILENCE = base64.b64encode(bytes(4_800)).decode()  # a tenth of a second


def measure(run: int, calls: int = 200) -> ToolCallTime:
    """One call whose model asks a tool 20 times a second. Raises ProcessFailed."""
    times_ms = asyncio.run(_measured_ms(_WARM_UPS + calls))[_WARM_UPS:]
    p50, p99 = np.percentile(times_ms, (50, 99))
    return ToolCallTime(run, float(p50), float(p99))


@dataclass(slots=True)
class _Asking:
    """The model and the tool: when each question left, and how long it took to arrive."""

    count: int
    asked_s: dict[str, float] = field(default_factory=dict)
    took_ms: dict[str, float] = field(default_factory=dict)
    warm: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the first has arrived, which waits for token and connection."""
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def converse(self, socket: ServerConnection) -> None:
        await socket.recv()
        await _say(socket, {"setupComplete": {}})
        audio = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": _SILENCE}}
        await _say(socket, {"serverContent": {"modelTurn": {"parts": [audio]}}})
        await _say(socket, {"serverContent": {"turnComplete": True}})
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(self._ask(socket))
            try:
                async for _ in socket:
                    pass
            finally:
                asking.cancel()

    async def _ask(self, socket: ServerConnection) -> None:
        for n in range(self.count):
            await asyncio.sleep(_EVERY_S)
            call = {"id": f"q{n}", "name": _TOOL, "args": {"question": n}}
            self.asked_s[f"q{n}"] = time.perf_counter()
            await _say(socket, {"toolCall": {"functionCalls": [call]}})
            await self.warm.wait()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                arrived_s = time.perf_counter()
                await self._answer(head, arrived_s, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(
        self,
        head: bytes,
        arrived_s: float,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        if head.startswith(b"POST "):
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            request = json.loads(await reader.readexactly(length))
            if b"bearer " not in head.lower():
                raise ProcessFailed("the tool was asked without an ID token")
            id = request["idempotency_key"].rpartition("/")[2]
            self.warm.set()
            self.took_ms[id] = 1_000 * (arrived_s - self.asked_s[id])
            if len(self.took_ms) == self.count:
                self.done.set()
        writer.write(_http(b'{"output":{"found":true}}', "application/json"))
        await writer.drain()


async def _measured_ms(count: int) -> list[float]:
    asking = _Asking(count)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ringdown-bench-")))
        ca_file = folder / "ca.pem"
        tls = _tls(ca_file)
        model = await stack.enter_async_context(serve(asking.converse, "127.0.0.1", 0, ssl=tls))
        tool = await asyncio.start_server(asking.answer, "127.0.0.1", 0, ssl=tls)
        google = await asyncio.start_server(_give_token, "127.0.0.1", 0)
        for server in (tool, google):
            await stack.enter_async_context(server)
        metadata = f"127.0.0.1:{_port(google)}"
        target = Ringdown(environ={"GCE_METADATA_HOST": metadata, "GCE_METADATA_IP": metadata})
        model_url = f"https://127.0.0.1:{model.sockets[0].getsockname()[1]}"
        running = await stack.enter_async_context(
            target.running(Surroundings(model_url, ca_file, folder, 1, None))
        )
        async with open_store(f"sqlite:{folder / 'ringdown.db'}") as store:
            await _declare(store, f"https://127.0.0.1:{_port(tool)}/")
        try:
            async with asyncio.timeout(_WITHIN_S + count * _EVERY_S):
                async with _calling(await running.announce()):
                    await asking.done.wait()
        except TimeoutError:
            raise ProcessFailed(f"only {len(asking.took_ms)} of {count} tool calls came") from None
    return [asking.took_ms[f"q{n}"] for n in range(count)]


async def _declare(store: Store, url: str) -> None:
    tool = ToolDeclaration(name=_TOOL, description="Looks up.", url=url)
    document = {**packaged_document(), "protect_greeting": False, "tools": [_TOOL]}
    await store.write_tool(tool)
    await store.write_agent(_AGENT, document, over=None)
    await store.write_number(_CALLED, _AGENT)


@asynccontextmanager
async def _calling(route: Route) -> AsyncIterator[None]:
    """A caller who says nothing."""
    encoder = StreamEncoder(route.identity)
    async with (
        connect(route.url, additional_headers=route.headers, compression=None) as socket,
        asyncio.TaskGroup() as group,
    ):
        await socket.send(encoder.connected())
        await socket.send(encoder.start())
        listening = group.create_task(_listen(socket))
        yield
        listening.cancel()


async def _listen(socket: ClientConnection) -> None:
    try:
        async for _ in socket:
            pass
    except ConnectionClosed:
        pass


async def _give_token(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What Google's metadata server says to whoever asks for an ID token."""
    google = "Metadata-Flavor: Google\r\n"
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            if b"/identity" in head:
                answer = _http(_token(), "application/text", google)
            else:
                answer = _http(b'{"email":"handler@bench"}', "application/json", google)
            writer.write(answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def _token() -> bytes:
    parts = ({"alg": "RS256"}, {"exp": int(time.time()) + 3_600}, "signature")
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts)
    return b".".join(part.rstrip(b"=") for part in encoded)


async def _say(socket: ServerConnection, message: object) -> None:
    await socket.send(json.dumps(message).encode())


def _http(body: bytes, kind: str, more: str = "") -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def _port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


def _tls(ca_file: Path) -> ssl.SSLContext:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(ca_file))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    return tls

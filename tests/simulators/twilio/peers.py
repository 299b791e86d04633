"""Our side as Twilio sees it: small servers that behave, or misbehave, as a test says."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request as UpgradeRequest, Response as UpgradeResponse

TO, FROM = "+15550100", "+15550123"


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    headers: dict[str, str]
    params: tuple[tuple[str, str], ...]

    def param(self, name: str) -> str | None:
        return dict(self.params).get(name)


@dataclass(frozen=True, slots=True)
class Reply:
    """`hang`: never respond; `abort`: break the connection instead of responding."""

    body: bytes = b""
    status: int = 200
    content_type: str | None = "text/xml"
    hang: bool = False
    abort: bool = False


def twiml(*verbs: str) -> Reply:
    return Reply(f"<Response>{''.join(verbs)}</Response>".encode())


@dataclass(slots=True)
class WebhookServer:
    """Answers each path with its replies in order, then repeats the last one."""

    base_url: str
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def on(self, path: str, *replies: Reply) -> str:
        self.replies[path] = list(replies)
        return self.base_url + path

    def seen(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.target.partition("?")[0] == path]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._serve_one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        pairs = (line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        params = tuple(parse_qsl(body.decode(), keep_blank_values=True))
        request = Request(method, target, headers, params)
        self.requests.append(request)
        async with self.arrived:
            self.arrived.notify_all()
        replies = self.replies[target.partition("?")[0]]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if reply.hang:
            await reader.read()
            return False
        if reply.abort:
            writer.transport.abort()
            return False
        writer.write(_http(reply))
        await writer.drain()
        return True


def _http(reply: Reply) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} Whatever", f"Content-Length: {len(reply.body)}"]
    if reply.content_type is not None:
        lines.append(f"Content-Type: {reply.content_type}")
    return "\r\n".join([*lines, "", ""]).encode() + reply.body


@asynccontextmanager
async def webhook_server() -> AsyncIterator[WebhookServer]:
    peer = WebhookServer("")
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield peer


class Stream:
    """One connection of a `MediaServer`, after `start` has come."""

    def __init__(self, connection: ServerConnection, start: dict[str, object]) -> None:
        self.connection = connection
        self.start = start
        self.sid = str(start["streamSid"])
        self.messages: list[dict[str, object]] = []

    async def send(self, event: str, **fields: object) -> None:
        await self.connection.send(json.dumps({"event": event, "streamSid": self.sid, **fields}))

    async def next(self, event: str) -> dict[str, object]:
        """The next message of a kind; others are kept in `messages` on the way."""
        while True:
            message = json.loads(await self.connection.recv())
            self.messages.append(message)
            if message["event"] == event:
                return dict(message)

    async def drain(self) -> None:
        """Read until the other side closes."""
        try:
            while True:
                await self.next("never")
        except ConnectionClosed:
            pass


Behaviour = Callable[[Stream], Awaitable[None]]


@dataclass(slots=True)
class MediaServer:
    """Runs a behaviour on each stream, then closes it; keeps upgrades and streams."""

    url: str
    upgrades: list[UpgradeRequest] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    refuse_with: int | None = None

    def verb(self, parameters: str = "") -> str:
        return f'<Connect><Stream url="{self.url}">{parameters}</Stream></Connect>'


@asynccontextmanager
async def media_server(
    *behaviours: Behaviour,
    receive_buffer_bytes: int | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[MediaServer]:
    """Each stream gets the next of `behaviours`; once they run out, all get the last."""
    peer = MediaServer("")

    async def handle(connection: ServerConnection) -> None:
        connected = json.loads(await connection.recv())
        assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        stream = Stream(connection, json.loads(await connection.recv()))
        peer.streams.append(stream)
        behave = behaviours[min(len(peer.streams), len(behaviours)) - 1]
        with suppress(ConnectionClosed):
            await behave(stream)

    def upgrade(connection: ServerConnection, request: UpgradeRequest) -> UpgradeResponse | None:
        peer.upgrades.append(request)
        if peer.refuse_with is None:
            return None
        return connection.respond(peer.refuse_with, "no\n")

    # Only with an explicit protocol does asyncio set TCP_NODELAY, as it does on its own sockets.
    link = socket.socket(proto=socket.IPPROTO_TCP)
    if receive_buffer_bytes is not None:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    link.bind(("127.0.0.1", 0))
    server = await serve(
        handle,
        sock=link,
        ssl=tls,
        process_request=upgrade,
        compression=None,
        close_timeout=0.2,
        ping_interval=None,
    )
    peer.url = f"{'wss' if tls else 'ws'}://127.0.0.1:{link.getsockname()[1]}/media"
    async with server:
        yield peer

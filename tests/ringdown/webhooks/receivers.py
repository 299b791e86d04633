"""Webhook receivers on real sockets that behave as a test wants."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from ringdown.webhooks import Receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
Respond = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Received:
    """A request that a receiver got. Header names are lowercase."""

    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class ReceiverStandIn:
    respond: Respond
    url: str = ""
    received: list[Received] = field(default_factory=list)
    is_told: asyncio.Event = field(default_factory=asyncio.Event)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def receiver(self) -> Receiver:
        return Receiver(url=self.url, secret=SECRET)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._serve(reader, writer)
        finally:
            writer.close()
            self._serving.discard(task)

    async def stop(self) -> None:
        """Close the connections that are still open."""
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await asyncio.sleep(0)  # connections close in the loop's next iteration

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            _, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
            pairs = (line.partition(": ") for line in lines)
            headers = {name.lower(): value for name, _, value in pairs}
            body = await reader.readexactly(int(headers["content-length"]))
            self.received.append(Received(headers, body))
            self.is_told.set()
            await self.respond(writer)
            await writer.drain()


def answers(status: str, *headers: str, body: bytes = b"") -> Respond:
    async def respond(writer: asyncio.StreamWriter) -> None:
        lines = (
            f"HTTP/1.1 {status}",
            f"content-length: {len(body)}",
            "connection: close",
            *headers,
        )
        writer.write("\r\n".join((*lines, "", "")).encode() + body)

    return respond


TAKES = answers("204 No Content")
FAILS = answers("500 Internal Server Error")


async def never_answers(writer: asyncio.StreamWriter) -> None:
    """Wait without responding until the other side hangs up."""
    await writer.wait_closed()


async def hangs_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def drips(writer: asyncio.StreamWriter) -> None:
    """Send response headers that never end, one byte a second."""
    writer.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(1)


async def talks_without_end(writer: asyncio.StreamWriter) -> None:
    """Respond with 200 and a body that never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def speaks_no_http(writer: asyncio.StreamWriter) -> None:
    writer.write(b"200 trust me\r\n\r\n")


@asynccontextmanager
async def receiving(
    respond: Respond = TAKES, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ReceiverStandIn]:
    stand_in = ReceiverStandIn(respond)
    server = await asyncio.start_server(stand_in.serve, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    stand_in.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield stand_in
    finally:
        server.close()
        await stand_in.stop()

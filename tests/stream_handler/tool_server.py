"""A tool's HTTP server that answers as a test wants, and a request to send to it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from ringdown.tools import ToolAnswer, ToolCallContext, ToolRequest
from tests.ringdown.samples import CALL_SID, CALLED, CALLER

Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]

REQUEST = ToolRequest(
    call=ToolCallContext(
        call_sid=CALL_SID, agent_id="default", caller=CALLER, called=CALLED, language="en-US"
    ),
    name="lookup_account",
    args={"account_number": "123456"},
    idempotency_key=f"{CALL_SID}/t1",
)
GOOD_BODY = b'{"output":{"status":"active"}}'
GOOD = ToolAnswer(output={"status": "active"})


class ToolServer:
    """Answers every request with `reply`, and keeps what it was sent."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self.requests: list[tuple[str, bytes]] = []
        """Each request's head and body."""
        self.url = ""
        self.hung_up = asyncio.Event()
        """Set when the client has closed a connection."""

    async def serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(head.lower().partition("content-length:")[2].split("\r\n")[0] or "0")
                self.requests.append((head, await reader.readexactly(length)))
                await self._reply(writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.hung_up.set()
            writer.close()


@asynccontextmanager
async def tool_server(reply: Reply, tls: ssl.SSLContext | None = None) -> AsyncIterator[ToolServer]:
    tool = ToolServer(reply)
    server = await asyncio.start_server(tool.serve_one, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    tool.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/lookup"
    try:
        yield tool
    finally:
        server.close()


def response(
    body: bytes, *, status: str = "200 OK", kind: str = "application/json", more: str = ""
) -> Reply:
    async def reply(writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}"
        writer.write(f"{head}\r\n".encode() + body)

    return reply

"""JSON over HTTP on this machine, on the test's own loop: for tests whose clock jumps."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress

import msgspec

from ringdown.tools import ToolAnswer, ToolRequest

Reply = tuple[int, ToolAnswer]
"""A status and a body."""


@asynccontextmanager
async def serving_tool(answer: Callable[[ToolRequest], Awaitable[Reply]]) -> AsyncIterator[str]:
    """Run a server that passes tool requests to `answer`, and yield its URL."""

    async def respond(body: bytes) -> tuple[int, bytes]:
        status, given = await answer(msgspec.json.decode(body, type=ToolRequest))
        return status, msgspec.json.encode(given)

    async with serving_json(respond) as url:
        yield url


@asynccontextmanager
async def serving_json(
    respond: Callable[[bytes], Awaitable[tuple[int, bytes]]],
) -> AsyncIterator[str]:
    """Run a server that answers each POST, on any path, with a status and JSON; yield its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A connection that waits for a request when the server stops must be closed, too.
        with closing(writer), suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"POST"):
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                status, body = await respond(await reader.readexactly(length))
                writer.write(
                    b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\nconnection: close\r\n"
                    b"content-length: %d\r\n\r\n%s" % (status, len(body), body)
                )
                await writer.drain()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()

"""A tool over HTTP that does as the last fault said."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from ringdown.tools import ToolAnswer

_OK = msgspec.json.encode(ToolAnswer(output={"found": True}))


@dataclass(slots=True)
class FaultyTool:
    url: str = ""
    status: int = 200
    waits_s: float = 0.0
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def behaves(self, *, status: int = 200, waits_s: float = 0.0) -> None:
        self.status, self.waits_s = status, waits_s
        self.asked.clear()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            self.asked.set()
            await asyncio.sleep(self.waits_s)
            writer.write(
                b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\nconnection: close\r\n"
                b"content-length: %d\r\n\r\n%s" % (self.status, len(_OK), _OK)
            )
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # who asked has gone
        finally:
            writer.close()


@asynccontextmanager
async def running_tool() -> AsyncIterator[FaultyTool]:
    tool = FaultyTool()
    server = await asyncio.start_server(tool.answer, "127.0.0.1", 0)
    tool.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield tool
    finally:
        server.close()

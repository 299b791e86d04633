"""A tool over HTTP that does as the last fault said."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from ringdown.tools import ToolAnswer, ToolRequest
from simulators.twilio import Call

_OK = msgspec.json.encode(ToolAnswer(output={"found": True}))
_WITHIN_S = 10.0


@dataclass(slots=True)
class FaultyTool:
    url: str = ""
    status: int = 200
    waits_s: float = 0.0
    asked: Counter[str] = field(default_factory=Counter)
    """How often, by call."""
    answered: Counter[str] = field(default_factory=Counter)
    """The same, whether or not anybody still listened."""
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def behaves(self, *, status: int = 200, waits_s: float = 0.0) -> None:
        self.status, self.waits_s = status, waits_s

    async def until(self, happened: Counter[str], call: Call) -> None:
        """Wait until `asked` or `answered` counts something of this call."""
        async with asyncio.timeout(_WITHIN_S), self._changed:
            await self._changed.wait_for(lambda: happened[call.identity.call_sid] > 0)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"POST"):
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                request = msgspec.json.decode(await reader.readexactly(length), type=ToolRequest)
                await self._answer(request.call.call_sid, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # who asked has gone
        finally:
            writer.close()

    async def _answer(self, call_sid: str, writer: asyncio.StreamWriter) -> None:
        await self._count(self.asked, call_sid)
        await asyncio.sleep(self.waits_s)
        await self._count(self.answered, call_sid)
        writer.write(
            b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n%s" % (self.status, len(_OK), _OK)
        )
        await writer.drain()

    async def _count(self, happened: Counter[str], call_sid: str) -> None:
        async with self._changed:
            happened[call_sid] += 1
            self._changed.notify_all()


@asynccontextmanager
async def running_tool() -> AsyncIterator[FaultyTool]:
    tool = FaultyTool()
    server = await asyncio.start_server(tool.answer, "127.0.0.1", 0)
    tool.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield tool
    finally:
        server.close()

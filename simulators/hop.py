"""A TCP proxy in front of a server, which can make it seem slow, silent or unreachable."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_CHUNK = 65_536
_MAX_CHUNKS = 1_000


class Hop:
    """Everything a client sends arrives `delay_s` later; responses aren't delayed."""

    def __init__(self, target: str) -> None:
        self.delay_s = 0.0
        self.host = ""
        self._gone = asyncio.Event()
        self._target_host, _, self._target_port = target.rpartition(":")

    def leave(self) -> None:
        """Break every connection, and close each new one immediately."""
        self._gone.set()

    def come_back(self) -> None:
        self._gone.clear()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream = await asyncio.open_connection(self._target_host, int(self._target_port))
        except OSError:
            writer.transport.abort()
            return
        sent: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_MAX_CHUNKS)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._take(reader, sent))
                group.create_task(_deliver(sent, upstream[1]))
                group.create_task(_relay(upstream[0], writer))
                group.create_task(self._leave())
        except* (OSError, EOFError):
            pass
        finally:
            writer.transport.abort()
            upstream[1].transport.abort()

    async def _take(
        self, reader: asyncio.StreamReader, sent: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        loop = asyncio.get_running_loop()
        while data := await reader.read(_CHUNK):
            await sent.put((loop.time() + self.delay_s, data))
        raise EOFError

    async def _leave(self) -> None:
        await self._gone.wait()
        raise EOFError


async def _deliver(sent: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due_s, data = await sent.get()
        await asyncio.sleep(due_s - loop.time())
        writer.write(data)
        await writer.drain()


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    raise EOFError


@asynccontextmanager
async def hop_before(target: str) -> AsyncIterator[Hop]:
    hop = Hop(target)
    carried: list[tuple[asyncio.Task[None], asyncio.StreamWriter]] = []
    async with asyncio.TaskGroup() as group:

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            carried.append((group.create_task(hop.carry(reader, writer)), writer))

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        hop.host = f"{host}:{port}"
        try:
            yield hop
        finally:
            server.close()
            for task, writer in carried:
                task.cancel()
                writer.transport.abort()  # a task that hasn't started would leave it open

"""A hop before a server that can be told to be slow, or to say nothing at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_CHUNK = 65_536
_MAX_CHUNKS = 1_000


class DelayingProxy:
    """Everything that a client sends arrives `delay_s` later; answers are not held up."""

    def __init__(self, target: str) -> None:
        self.delay_s = 0.0
        self.host = ""
        self._target_host, _, self._target_port = target.rpartition(":")

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = await asyncio.open_connection(self._target_host, int(self._target_port))
        sent: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_MAX_CHUNKS)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._take(reader, sent))
                group.create_task(_deliver(sent, upstream[1]))
                group.create_task(_relay(upstream[0], writer))
        except* (OSError, EOFError):
            pass
        finally:
            writer.close()
            upstream[1].close()

    async def _take(
        self, reader: asyncio.StreamReader, sent: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        loop = asyncio.get_running_loop()
        while data := await reader.read(_CHUNK):
            await sent.put((loop.time() + self.delay_s, data))
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
async def delaying_proxy(target: str) -> AsyncIterator[DelayingProxy]:
    proxy = DelayingProxy(target)
    carried: list[asyncio.Task[None]] = []
    async with asyncio.TaskGroup() as group:

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            carried.append(group.create_task(proxy.carry(reader, writer)))

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        proxy.host = f"{host}:{port}"
        try:
            yield proxy
        finally:
            server.close()
            for task in carried:
                task.cancel()

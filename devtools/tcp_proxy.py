"""Puts several processes behind one port, as Cloud Run puts instances behind one URL.

A connection goes to the backend with the fewest connections, or to the next in turn if several have
the fewest; there is no affinity. A backend that doesn't accept, or breaks off before it has sent
anything, is skipped. A connection that breaks later stays lost, because it belongs to one process.

    python -m devtools.tcp_proxy PORT BACKEND_PORT...     (all on 127.0.0.1)
"""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import TypeAlias

_CONNECT_WITHIN_S = 0.5
_PIECE_BYTES = 64 * 1024
_HOST = "127.0.0.1"


_Backend: TypeAlias = tuple[int, bytes, asyncio.StreamReader, asyncio.StreamWriter]


class TcpProxy:
    def __init__(self, backends: Sequence[int]) -> None:
        """`backends` are ports."""
        self._backends = tuple(backends)
        self._turn = 0
        self._carried: Counter[int] = Counter()
        """Each backend's current number of connections."""
        self._connections: set[asyncio.Task[None]] = set()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Start carrying a connection, or close it if no backend accepts it."""
        task = asyncio.create_task(self._carry_connection(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def break_off(self) -> None:
        """Close all connections."""
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _carry_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await self._carry_both_ways(reader, writer)
        finally:
            writer.transport.abort()

    async def _carry_both_ways(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        backend = await self._answering(await _first_piece(reader))
        if backend is None:
            return
        port, answer, from_backend, to_backend = backend
        self._carried[port] += 1
        try:
            writer.write(answer)
            async with asyncio.TaskGroup() as both:
                both.create_task(_carry(reader, to_backend))
                both.create_task(_carry(from_backend, writer))
        except* (ConnectionError, TimeoutError):
            pass  # when one side breaks off, so does the other
        finally:
            self._carried[port] -= 1
            to_backend.transport.abort()

    async def _answering(self, request: bytes) -> _Backend | None:
        """Find a backend that answers, and return it with the start of its answer."""
        first, self._turn = self._turn, (self._turn + 1) % len(self._backends)
        in_turn = (*self._backends[first:], *self._backends[:first])
        for port in sorted(in_turn, key=self._carried.__getitem__) if request else ():
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CONNECT_WITHIN_S):
                    reader, writer = await asyncio.open_connection(_HOST, port)
                writer.write(request)
                if answer := await reader.read(_PIECE_BYTES):
                    return port, answer, reader, writer
                writer.close()
        return None


async def _first_piece(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(_PIECE_BYTES)
    except ConnectionError:
        return b""


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while piece := await source.read(_PIECE_BYTES):
        sink.write(piece)
        await sink.drain()
    if sink.can_write_eof():
        sink.write_eof()


async def serve(port: int, backends: Sequence[int], stop: asyncio.Event) -> None:
    """Proxy until `stop`, then close all connections."""
    proxy = TcpProxy(backends)
    server = await asyncio.start_server(proxy.connected, _HOST, port)
    await stop.wait()
    server.close()
    await proxy.break_off()


async def _until_told_to_stop(port: int, backends: Sequence[int]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await serve(port, backends, stop)


if __name__ == "__main__":
    first, *others = (int(argument) for argument in sys.argv[1:])
    asyncio.run(_until_told_to_stop(first, others))

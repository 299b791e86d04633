"""Several processes behind one port: connections go to each in turn, skipping dead ones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from devtools.processes import free_port
from devtools.tcp_proxy import TcpProxy


@asynccontextmanager
async def backend(name: str, *, breaks_off: bool = False) -> AsyncIterator[int]:
    """Answers each line with its name and the line."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (line := await reader.readline()) and not breaks_off:
            writer.write(f"{name} {line.decode()}".encode())
        writer.close()

    async with asyncio.TaskGroup() as answering:
        server = await asyncio.start_server(
            lambda *both: answering.create_task(answer(*both)), "127.0.0.1", 0
        )
        yield int(server.sockets[0].getsockname()[1])
        server.close()


@asynccontextmanager
async def proxy(*backends: int) -> AsyncIterator[int]:
    proxy = TcpProxy(backends)
    server = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await proxy.break_off()


async def say(port: int, *lines: str) -> list[str]:
    """The response to each line; closes the connection afterwards."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    async with asyncio.timeout(5):
        for line in lines:
            writer.write(f"{line}\n".encode())
            answers.append((await reader.readline()).decode().strip())
    writer.close()
    await writer.wait_closed()
    return answers


async def test_connections_go_to_all_in_turn_and_stay_where_they_are() -> None:
    async with backend("a") as a, backend("b") as b, proxy(a, b) as port:
        answers = [await say(port, "one", "two") for _ in range(4)]

    assert answers == [["a one", "a two"], ["b one", "b two"]] * 2


async def test_a_backend_that_is_gone_is_skipped() -> None:
    async with backend("b") as b, proxy(free_port(), b) as port:
        assert [await say(port, "one") for _ in range(3)] == [["b one"]] * 3


async def test_a_backend_that_breaks_off_before_it_answers_is_skipped() -> None:
    async with backend("a", breaks_off=True) as a, backend("b") as b, proxy(a, b) as port:
        assert [await say(port, "one") for _ in range(3)] == [["b one"]] * 3


async def test_without_any_backend_the_connection_is_broken_off() -> None:
    async with proxy(free_port()) as port:
        assert await say(port, "one") == [""]

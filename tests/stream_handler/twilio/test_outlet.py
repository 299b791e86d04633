"""The outlet on real sockets, before a peer that reads, or does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from stream_handler.twilio.outlet import Outlet

BIG = "x" * 50_000  # soon more than a socket and its buffers hold


@asynccontextmanager
async def an_outlet(limit: int) -> AsyncIterator[tuple[Outlet, "Peer"]]:
    """An outlet, as the server has it, and its peer, who reads when told to."""
    opened: asyncio.Queue[ServerConnection] = asyncio.Queue()

    async def accept(connection: ServerConnection) -> None:
        await opened.put(connection)
        await connection.wait_closed()

    async with asyncio.timeout(20), serve(accept, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(
            f"ws://127.0.0.1:{port}", compression=None, max_queue=1, ping_interval=None
        ) as client:
            yield Outlet(await opened.get(), limit, timeout_s=1.0), Peer(client)


class Peer:
    def __init__(self, client: ClientConnection) -> None:
        self._client = client

    async def reads(self, count: int) -> list[str]:
        return [str(await self._client.recv())[:10] for _ in range(count)]

    async def leaves(self) -> None:
        self._client.transport.abort()
        await self._client.wait_closed()


async def test_a_message_leaves_at_once_without_any_task() -> None:
    async with an_outlet(limit=1) as (outlet, peer):
        assert outlet.send("one")
        assert outlet.send("two")

        assert await peer.reads(2) == ["one", "two"]


async def fill(outlet: Outlet) -> int:
    """Send until messages wait and no more are taken; how many were taken."""
    count = 0
    while outlet.send(f"{count:09} {BIG}"):
        count += 1
        assert count < 100_000, "the queue has no bound"
        await asyncio.sleep(0)
    return count


async def test_what_waits_is_bounded_and_leaves_in_order_when_the_peer_reads_again() -> None:
    async with an_outlet(limit=5) as (outlet, peer):
        count = await fill(outlet)
        running = asyncio.create_task(outlet.run())

        assert await peer.reads(count) == [f"{n:09} " for n in range(count)]
        assert outlet.send("more")
        assert await peer.reads(1) == ["more"]
        running.cancel()


async def test_what_waits_can_be_dropped_and_the_next_message_follows_what_has_left() -> None:
    async with an_outlet(limit=5) as (outlet, peer):
        count = await fill(outlet)
        outlet.drop_waiting()
        assert outlet.send("clear")
        running = asyncio.create_task(outlet.run())

        heard = await peer.reads(count - 5 + 1)
        assert heard[-1] == "clear"
        assert heard[:-1] == [f"{n:09} " for n in range(count - 5)]
        running.cancel()


async def test_dropping_while_one_is_on_its_way_loses_no_later_message() -> None:
    async with an_outlet(limit=5) as (outlet, peer):
        count = await fill(outlet)
        running = asyncio.create_task(outlet.run())
        await asyncio.sleep(0)  # the first of those that wait is now being sent
        outlet.drop_waiting()
        assert outlet.send("clear")

        heard = await peer.reads(count - 5 + 2)
        assert heard[-1] == "clear"
        running.cancel()


async def test_a_peer_that_does_not_read_is_given_up() -> None:
    async with an_outlet(limit=5) as (outlet, peer):
        await fill(outlet)
        with pytest.raises(TimeoutError):
            await outlet.run()
        await peer.leaves()


async def test_a_connection_that_is_gone_ends_the_run() -> None:
    async with an_outlet(limit=5) as (outlet, peer):
        await fill(outlet)
        running = asyncio.create_task(outlet.run())
        await peer.leaves()
        with pytest.raises(ConnectionClosed):
            await running


async def test_sending_on_a_connection_that_is_gone_waits_for_the_run_to_tell() -> None:
    async with an_outlet(limit=5) as (outlet, peer):
        await peer.leaves()
        for _ in range(5):
            assert outlet.send("lost")
        with pytest.raises(ConnectionClosed):
            await outlet.run()

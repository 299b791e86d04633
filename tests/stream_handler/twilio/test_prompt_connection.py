"""Every message is heard once and in order, whichever way it takes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from stream_handler.twilio.prompt_connection import PromptConnection


@asynccontextmanager
async def a_pair() -> AsyncIterator[tuple[PromptConnection, ClientConnection]]:
    opened: asyncio.Queue[ServerConnection] = asyncio.Queue()

    async def accept(connection: ServerConnection) -> None:
        await opened.put(connection)
        await connection.wait_closed()

    async with (
        asyncio.timeout(10),
        serve(
            accept, "127.0.0.1", 0, create_connection=PromptConnection, compression=None
        ) as server,
        connect(f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}") as client,
    ):
        connection = await opened.get()
        assert isinstance(connection, PromptConnection)
        yield connection, client


async def heard_of(connection: PromptConnection) -> list[str | bytes]:
    heard: list[str | bytes] = []
    await hear_all(connection, heard)
    return heard


async def hear_all(connection: PromptConnection, heard: list[str | bytes]) -> None:
    def hear(message: str | bytes) -> bool:
        heard.append(message)
        return True

    with suppress(ConnectionClosed):
        async for message in connection.messages(hear):
            hear(message)


async def test_what_came_before_anybody_listened_is_heard_first() -> None:
    async with a_pair() as (connection, client):
        for n in range(5):
            await client.send(f"early {n}")
        assert await connection.recv() == "early 0"
        _ = await client.ping()
        listening = asyncio.create_task(heard_of(connection))
        for n in range(50):
            await client.send(f"late {n}")
            if n % 7 == 0:
                await asyncio.sleep(0)
        await client.close()

        assert await listening == [
            *(f"early {n}" for n in range(1, 5)),
            *(f"late {n}" for n in range(50)),
        ]


async def test_binary_and_fragmented_messages_keep_their_place() -> None:
    async with a_pair() as (connection, client):
        listening = asyncio.create_task(heard_of(connection))
        expected: list[str | bytes] = []
        for n in range(100):
            match n % 4:
                case 0:
                    await client.send(f"text {n}")
                    expected.append(f"text {n}")
                case 1:
                    await client.send(b"binary %d" % n)
                    expected.append(b"binary %d" % n)
                case 2:
                    await client.send(["frag", "ment ", str(n)])
                    expected.append(f"fragment {n}")
                case _:
                    _ = await client.ping()
            if n % 9 == 0:
                await asyncio.sleep(0)
        await client.close()

        assert await listening == expected


async def test_a_message_is_heard_before_any_task_runs() -> None:
    """That is the point of it: the frame is handled in the turn of the loop in which it came."""
    async with a_pair() as (connection, client):
        heard: list[str | bytes] = []
        listening = asyncio.create_task(hear_all(connection, heard))
        await asyncio.sleep(0)
        connection.data_received(_masked_text(b"now"))
        connection.data_received(_masked_text(b"too"))

        assert heard == ["now", "too"], "they went through a queue"
        await client.close()
        await listening


async def test_a_whole_message_does_not_go_through_the_library() -> None:
    async with a_pair() as (connection, client):
        heard: list[str | bytes] = []
        listening = asyncio.create_task(hear_all(connection, heard))
        await (await client.ping())
        library = connection.protocol.reader
        assert not library.buffer
        library.feed_data(b"\x81")  # as if it had begun a frame, which it would go on with

        connection.data_received(_masked_text(b"now"))

        assert heard == ["now"]
        assert library.buffer == b"\x81"
        del library.buffer[:]
        await client.close()
        await listening


def _masked_text(text: bytes) -> bytes:
    """A client's frame, RFC 6455 section 5.2, under a mask of zeros."""
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text


async def test_text_that_is_not_utf_8_closes_the_connection() -> None:
    async with a_pair() as (connection, client):
        listening = asyncio.create_task(heard_of(connection))
        await client.send(b"\xff\xfe", text=True)
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()

        assert await listening == []
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1007

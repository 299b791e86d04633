"""A stream over real sockets, to a Twilio that reads or stops reading."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from stream_handler.twilio.media_streams import MULAW, MediaFormat, StartFields
from stream_handler.twilio.stream import TwilioStream

STREAM_SID = "MZ" + "0" * 32
START = StartFields(
    stream_sid=STREAM_SID,
    call_sid="CA" + "0" * 32,
    media_format=MediaFormat(encoding=MULAW, sample_rate=8000, channels=1),
)
BIG = 50_000  # bytes: a few are more than a socket and its buffers can hold
LIMIT = 5


@asynccontextmanager
async def a_stream() -> AsyncIterator[tuple[TwilioStream, "Twilio"]]:
    """Yield a stream, as the bridge sees it, and its peer, which reads only when told to."""
    opened: asyncio.Queue[ServerConnection] = asyncio.Queue()

    async def accept(connection: ServerConnection) -> None:
        await opened.put(connection)
        await connection.wait_closed()

    async with asyncio.timeout(20), serve(accept, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(
            f"ws://127.0.0.1:{port}", compression=None, max_queue=1, ping_interval=None
        ) as client:
            stream = TwilioStream(await opened.get(), START, limit=LIMIT, timeout_s=1.0)
            yield stream, Twilio(client)


@asynccontextmanager
async def sending(stream: TwilioStream) -> AsyncIterator["asyncio.Task[None]"]:
    running: asyncio.Task[None] = asyncio.create_task(stream.send_waiting())
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.wait((running,))


class Twilio:
    def __init__(self, client: ClientConnection) -> None:
        self._client = client

    async def reads(self, count: int) -> list[str]:
        """Read `count` messages, and return the event of each, or the name if it is a mark."""
        messages = [json.loads(await self._client.recv()) for _ in range(count)]
        assert {message["streamSid"] for message in messages} <= {STREAM_SID}
        return [m["mark"]["name"] if m["event"] == "mark" else m["event"] for m in messages]

    async def leaves(self) -> None:
        self._client.transport.abort()
        await self._client.wait_closed()


async def fill(stream: TwilioStream) -> int:
    """Send until the queue is full, and return how many messages were accepted."""
    count = 0
    while stream.play(bytes(BIG)):
        count += 1
        assert count < 100_000, "the queue has no bound"
        for _ in range(5):
            await asyncio.sleep(0)
    return count


async def test_messages_leave_in_the_order_they_came() -> None:
    async with a_stream() as (stream, twilio), sending(stream):
        assert stream.play(b"\xff" * 160)
        assert stream.mark("m1")
        assert await twilio.reads(2) == ["media", "m1"]

        stream.clear()
        assert stream.play(b"\xff" * 160)
        assert await twilio.reads(2) == ["clear", "media"]


async def test_what_waits_is_bounded_and_leaves_in_order_when_the_peer_reads_again() -> None:
    async with a_stream() as (stream, twilio), sending(stream):
        count = await fill(stream)

        assert await twilio.reads(count) == ["media"] * count
        assert stream.mark("more")
        assert await twilio.reads(1) == ["more"]


async def test_a_clear_drops_what_waits_and_follows_what_has_left() -> None:
    async with a_stream() as (stream, twilio), sending(stream):
        count = await fill(stream)
        stream.clear()
        assert stream.mark("after")

        heard = await twilio.reads(count - LIMIT + 2)
        assert heard == ["media"] * (count - LIMIT) + ["clear", "after"]


async def test_a_peer_that_does_not_read_is_given_up() -> None:
    async with a_stream() as (stream, twilio), sending(stream) as running:
        await fill(stream)
        with pytest.raises(TimeoutError):
            await running
        await twilio.leaves()


async def test_a_connection_that_is_gone_ends_the_run() -> None:
    async with a_stream() as (stream, twilio), sending(stream) as running:
        await fill(stream)
        await twilio.leaves()
        await running


async def test_sending_on_a_connection_that_is_gone_waits_for_the_run_to_tell() -> None:
    async with a_stream() as (stream, twilio):
        await twilio.leaves()
        for _ in range(LIMIT):
            assert stream.mark("lost")
        await stream.send_waiting()

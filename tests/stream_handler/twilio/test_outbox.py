import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from stream_handler.twilio.outbox import WAITING_LIMIT, Outbox
from stream_handler.twilio.outlet import Outlet

STREAM_SID = "MZ" + "0" * 32


@pytest.fixture
async def line() -> AsyncIterator[tuple[Outbox, ClientConnection]]:
    """An outbox and the Twilio that it sends to."""
    opened: asyncio.Queue[ServerConnection] = asyncio.Queue()

    async def accept(connection: ServerConnection) -> None:
        await opened.put(connection)
        await connection.wait_closed()

    async with asyncio.timeout(10), serve(accept, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}") as twilio:
            yield Outbox(STREAM_SID, Outlet(await opened.get(), WAITING_LIMIT)), twilio


async def test_messages_leave_in_the_order_they_came(
    line: tuple[Outbox, ClientConnection],
) -> None:
    outbox, twilio = line
    outbox.put_media(b"\xff" * 160)
    outbox.put_mark("m1")
    outbox.clear()
    outbox.put_media(b"\xff" * 160)

    events = [json.loads(await twilio.recv()) for _ in range(4)]

    assert [event["event"] for event in events] == ["media", "mark", "clear", "media"]
    assert {event["streamSid"] for event in events} == {STREAM_SID}
    assert events[1]["mark"] == {"name": "m1"}

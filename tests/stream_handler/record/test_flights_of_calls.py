"""Calls over real sockets leave flight records, and a replay makes the same decisions."""

import json
import ssl
from collections import Counter
from itertools import groupby
from pathlib import Path

import trustme
from websockets.asyncio.server import ServerConnection

from ringdown.calls import EndReason
from ringdown.calls.flights import unpack
from ringdown.stores import open_store
from stream_handler.call.events import (
    ModelAudio,
    ModelInterrupted,
    StreamStopped,
    ToolCallRequested,
)
from stream_handler.record.flight_record import Flight, read_flight
from stream_handler.record.flight_replay import Step, replay
from stream_handler.words import words_for
from tests.ringdown.samples import NOW
from tests.stream_handler.handler import (
    CONNECTED,
    LOUD_FRAME,
    call_sid,
    closed,
    media,
    running_handler,
    start,
    stop,
    token,
)
from tests.stream_handler.little_gemini import LittleGemini, little_gemini, send
from tests.stream_handler.record.recorded_call import record_a_call


async def flights_in(store_url: str, number: int = 1) -> list[tuple[Flight, list[Step]]]:
    """Return the flight records of call `number`, each with the steps of its replay."""
    async with open_store(store_url) as store:
        parts = await store.read_flights(call_sid(number))
    flights = [read_flight(unpack(of)) for _, of in groupby(parts, key=lambda part: part.attempt)]
    return [(f, list(replay(f, words_for(f.head.call.agent.language)))) for f in flights]


async def test_a_calls_record_leads_to_the_same_decisions(tmp_path: Path) -> None:
    [(flight, steps)] = await flights_in(await record_a_call(tmp_path))

    assert flight.head.call.call_sid == call_sid(1)
    assert [step.event for step in steps if step.differs] == []
    seen = Counter(type(step.event) for step in steps)
    assert seen[ModelAudio] >= 5
    assert (seen[ToolCallRequested], seen[ModelInterrupted], seen[StreamStopped]) == (1, 1, 1)


async def test_each_stream_of_a_call_leaves_a_record_of_its_own(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    async with (
        little_gemini(certificates) as gemini,
        running_handler(gemini, trusting, tmp_path) as handler,
    ):
        async with handler.call(1) as socket:
            await socket.send(media(1))
        await handler.store.take_up(call_sid(1), 1, NOW)
        async with handler.socket() as again:
            await again.send(CONNECTED)
            await again.send(start(1, customParameters={"token": token(1, attempt=2)}))
            await again.send(stop(1))
            await closed(again)

    flights = await flights_in(f"sqlite:{tmp_path / 'records.db'}")
    assert [flight.head.call.attempt for flight, _ in flights] == [1, 2]
    assert [step.event for _, steps in flights for step in steps if step.differs] == []


async def test_a_record_holds_long_numbers_and_long_frames(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    """One call has a number of 22 digits, like a parcel's; the other, 2 s of audio in one frame."""
    parcel = {"account_number": 9400111899223197428490}

    async def asks(gemini: LittleGemini, socket: ServerConnection) -> None:
        call = {"id": "f1", "name": "no_such_tool", "args": parcel}
        await send(socket, {"setupComplete": {}}, {"toolCall": {"functionCalls": [call]}})
        async for frame in socket:
            gemini.take(json.loads(frame))

    async with (
        little_gemini(certificates, asks) as gemini,
        running_handler(gemini, trusting, tmp_path) as handler,
        handler.call(1) as asked,
    ):
        await gemini.heard(lambda message: "tool_response" in message)
        async with handler.call(2) as loud:
            await loud.send(media(2, LOUD_FRAME * 103))
            for number, socket in ((1, asked), (2, loud)):
                await socket.send(stop(number))
                assert (await closed(socket))[0] == 1000
        records = [await handler.record(number) for number in (1, 2)]

    assert [record.call.end_reason for record in records] == [EndReason.CALLER_HUNG_UP] * 2
    for number in (1, 2):
        [(flight, steps)] = await flights_in(f"sqlite:{tmp_path / 'records.db'}", number)
        assert not flight.head.truncated
        assert steps
        requested = [step.event for step in steps if isinstance(step.event, ToolCallRequested)]
        assert [event.args for event in requested] == ([parcel] if number == 1 else [])
        assert [step.event for step in steps if step.differs] == []

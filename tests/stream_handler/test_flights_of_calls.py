"""Calls over real sockets leave flight records, and the core decides the same from them."""

import ssl
from collections import Counter
from itertools import groupby
from pathlib import Path

import trustme

from ringdown.flights import unpack
from ringdown.stores import open_store
from stream_handler.core.events import (
    ModelAudio,
    ModelInterrupted,
    StreamStopped,
    ToolCallRequested,
)
from stream_handler.flight_format import Flight, read_flight
from stream_handler.flight_replay import Step, replay
from stream_handler.words import words_for
from tests.ringdown.samples import NOW
from tests.stream_handler.handler import (
    CONNECTED,
    call_sid,
    closed,
    media,
    running_handler,
    start,
    stop,
    token,
)
from tests.stream_handler.little_gemini import little_gemini
from tests.stream_handler.recorded_call import record_a_call


async def flights_in(store_url: str) -> list[tuple[Flight, list[Step]]]:
    """The records of call number 1, each gone through again."""
    async with open_store(store_url) as store:
        parts = await store.read_flights(call_sid(1))
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

"""The wire between handlers and model passes on everything, closes included, and reads words."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from devtools.line_parts import LineModel
from devtools.model_wire import Heard, Lost, Words, overheard
from ringdown.calls import Speaker
from simulators.gemini_live.faults import (
    AbortConnection,
    After,
    Close,
    Fault,
    Moment,
    RefuseUpgrade,
)
from simulators.gemini_live.scenario import Pace, Reply, Scenario
from simulators.gemini_live.server import GeminiLiveServer

PATH = (
    "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=stand-in-key"
)
SETUP = json.dumps(
    {
        "setup": {
            "model": "models/gemini-3.8-live",
            "generationConfig": {"responseModalities": ["AUDIO"]},
            "outputAudioTranscription": {},
        }
    }
)
GREET = json.dumps({"realtimeInput": {"text": "Greet the caller."}})
SCENARIO = Scenario(greeting=Reply(say="Hello, how can I help you?"), pace=Pace(speed=20))


@asynccontextmanager
async def wired(*faults: Fault) -> AsyncIterator[tuple[LineModel, asyncio.Queue[Heard]]]:
    """A model behind the wire, and the words read on it."""
    heard: asyncio.Queue[Heard] = asyncio.Queue()
    async with GeminiLiveServer(SCENARIO) as server:
        server.faults = faults
        model = LineModel("stand-in-key", server.base_url, server.ca_file, None)
        async with overheard(model, heard.put_nowait) as reached:
            yield reached, heard


def session(model: LineModel) -> connect:
    assert model.live_base_url is not None
    tls = ssl.create_default_context(cafile=model.live_ca_file)
    return connect(model.live_base_url.replace("https", "wss") + PATH, ssl=tls)


async def greeted(socket: ClientConnection) -> Sequence[str]:
    """The kinds of messages up to the end of the greeting."""
    await socket.send(SETUP)
    await socket.send(GREET)
    kinds: list[str] = []
    async with asyncio.timeout(10):
        while "turnComplete" not in kinds:
            message = json.loads(await socket.recv())
            kinds += message.get("serverContent", message)
    return kinds


async def ended(socket: ClientConnection) -> int | None:
    """The code that closes the session; 1006 means that there was none."""
    with suppress(ConnectionClosed):
        async with asyncio.timeout(10):
            while True:
                await socket.recv()
    return socket.close_code


def all_of(heard: asyncio.Queue[Heard]) -> list[Heard]:
    return [heard.get_nowait() for _ in range(heard.qsize())]


async def test_words_are_heard_and_everything_passes() -> None:
    async with wired() as (model, heard), session(model) as socket:
        kinds = await greeted(socket)
    assert {"setupComplete", "modelTurn", "outputTranscription", "turnComplete"} <= set(kinds)
    words = [each for each in all_of(heard) if isinstance(each, Words)]
    assert "".join(each.text for each in words) == "Hello, how can I help you?"
    assert {each.who for each in words} == {Speaker.AGENT}
    assert len(words) > 1, "the words arrived all at once"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(AbortConnection(), After(Moment.TURNS, 1)), 1006),
        (Fault(Close(1008, "Policy."), After(Moment.TURNS, 1)), 1008),
    ],
)
async def test_a_session_ends_for_the_handler_as_the_service_ends_it(
    fault: Fault, code: int
) -> None:
    async with wired(fault) as (model, heard), session(model) as socket:
        await socket.send(SETUP)
        await socket.send(GREET)
        assert await ended(socket) == code
    assert Lost() not in all_of(heard)


async def test_a_refusal_is_the_services_own() -> None:
    async with wired(Fault(RefuseUpgrade(429))) as (model, _):
        with pytest.raises(InvalidStatus) as refused:
            await session(model)
    assert refused.value.response.status_code == 429


async def test_a_service_out_of_reach_refuses_too() -> None:
    gone = LineModel("stand-in-key", "https://127.0.0.1:1", None, None)
    async with overheard(gone, print) as reached:
        with pytest.raises(InvalidStatus, match="502"):
            await session(reached)


async def test_of_a_handler_that_breaks_off_the_words_are_lost() -> None:
    async with wired() as (model, heard):
        async with session(model) as socket:
            await greeted(socket)
            socket.transport.abort()
        async with asyncio.timeout(5):
            while await heard.get() != Lost():
                pass

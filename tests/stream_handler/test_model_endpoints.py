"""Two endpoints of the model over TLS: the Developer API, with Vertex AI as the fallback."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import msgspec
import trustme
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection

from ringdown.calls import Call, EndReason, NextAction
from ringdown.gemini.backend import VertexAi
from tests.google_tokens import PROJECT, TokenServer
from tests.ringdown.samples import a_call, an_agent
from tests.stream_handler.handler import (
    CONNECTED,
    Handler,
    call_sid,
    running_handler,
    start,
    stop,
)
from tests.stream_handler.little_gemini import (
    LittleGemini,
    Script,
    is_text,
    little_gemini,
    send,
)
from tests.stream_handler.test_model_faults import HANDLE, READY, greet, handle_in

VERTEX = "vertex:us-central1"


@asynccontextmanager
async def two_endpoints(
    certificates: trustme.CA,
    trusting: ssl.SSLContext,
    folder: Path,
    *,
    first: Script | None = None,
    second: Script | None = None,
    refuse: HTTPStatus | None = None,
) -> AsyncIterator[tuple[Handler, LittleGemini, LittleGemini]]:
    async with (
        little_gemini(certificates, first, refuse=refuse) as developer,
        little_gemini(certificates, second) as vertex,
        running_handler(
            developer,
            trusting,
            folder,
            endpoints=(VertexAi(PROJECT, "us-central1", vertex.url),),
        ) as handler,
    ):
        yield handler, developer, vertex


@asynccontextmanager
async def ringing(handler: Handler, call: Call) -> AsyncIterator[ClientConnection]:
    await handler.store.open_call(call)
    async with handler.socket() as socket:
        await socket.send(CONNECTED)
        await socket.send(start(int(call.call_sid[2:], 16)))
        yield socket


async def closed_after_s(socket: ClientConnection) -> float:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    await socket.wait_closed()
    return loop.time() - began_s


async def never_ready(gemini: LittleGemini, socket: ServerConnection) -> None:
    await socket.wait_closed()


async def test_where_the_first_endpoint_refuses_the_second_speaks_and_the_next_call_tries_again(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path, tokens: TokenServer
) -> None:
    only_there = msgspec.structs.replace(an_agent(), model="gemini-3.8-live-extended-thinking")
    call = a_call(call_sid=call_sid(1), agent=only_there)
    async with two_endpoints(
        certificates, trusting, tmp_path, refuse=HTTPStatus.SERVICE_UNAVAILABLE
    ) as (handler, developer, vertex):
        async with ringing(handler, call) as socket:
            await vertex.heard(is_text)
            await socket.send(stop(1))
            await closed_after_s(socket)
        [made] = (await handler.record(1)).call.reconnects
        developer.refuse = None
        async with ringing(handler, a_call(call_sid=call_sid(2))):
            await developer.heard(is_text)

    assert (made.endpoint, made.reason) == (VERTEX, "503 refused")
    assert made.took_ms < 1_000
    [setup] = vertex.setups
    assert setup["setup"]["model"] == (
        f"projects/{PROJECT}/locations/us-central1/publishers/google/models/gemini-3.8-live"
    ), "the agent's model isn't on Vertex AI, so the default one is used"
    assert (developer.attempts, vertex.attempts) == (2, 1)


async def test_sessions_that_break_twice_are_followed_by_one_at_the_second_endpoint(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path, tokens: TokenServer
) -> None:
    async def breaks(gemini: LittleGemini, socket: ServerConnection) -> None:
        await send(socket, READY)
        if len(gemini.setups) == 1:
            await greet(gemini, socket)
        else:
            await send(socket, HANDLE)
        await asyncio.sleep(2.0)
        await socket.close(1011, "Internal error encountered.")

    async with two_endpoints(certificates, trusting, tmp_path, first=breaks) as (
        handler,
        developer,
        vertex,
    ):
        async with ringing(handler, a_call(call_sid=call_sid(1))) as socket:
            await vertex.set_up.wait()
            await asyncio.sleep(1.0)
            await socket.send(stop(1))
            await closed_after_s(socket)
        call = (await handler.record(1)).call

    assert [handle_in(setup["setup"]) for setup in developer.setups] == [None, "h1"]
    [setup] = vertex.setups
    assert handle_in(setup["setup"]) is None, "Vertex AI doesn't know the other API's handle"
    assert "You: Hello." in str(setup["setup"])
    assert [made.endpoint for made in call.reconnects] == [None, VERTEX]
    assert call.end_reason is EndReason.CALLER_HUNG_UP


async def test_a_refused_handle_is_not_a_refused_endpoint(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path, tokens: TokenServer
) -> None:
    again = asyncio.Event()

    async def refuses_the_handle(gemini: LittleGemini, socket: ServerConnection) -> None:
        if handle_in(gemini.setups[-1]["setup"]) is not None:
            await socket.close(1008, "Session not found.")
            return
        await send(socket, READY)
        if len(gemini.setups) == 1:
            await greet(gemini, socket)
            await socket.close(1011, "Internal error encountered.")
        else:
            again.set()
            await socket.wait_closed()

    async with (
        two_endpoints(certificates, trusting, tmp_path, first=refuses_the_handle) as (
            handler,
            developer,
            vertex,
        ),
        ringing(handler, a_call(call_sid=call_sid(1))),
    ):
        await again.wait()

    assert [handle_in(setup["setup"]) for setup in developer.setups] == [None, "h1", None]
    assert vertex.attempts == 0


async def test_where_both_refuse_the_caller_gets_the_apology_within_eight_seconds(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path, tokens: TokenServer
) -> None:
    async with two_endpoints(
        certificates, trusting, tmp_path, refuse=HTTPStatus.SERVICE_UNAVAILABLE
    ) as (handler, developer, vertex):
        vertex.refuse = HTTPStatus.TOO_MANY_REQUESTS
        async with ringing(handler, a_call(call_sid=call_sid(1))) as socket:
            took_s = await closed_after_s(socket)
        call = (await handler.record(1)).call

    assert 6.0 < took_s < 8.1
    assert (call.end_reason, call.next) == (EndReason.MODEL_UNAVAILABLE, NextAction.FALL_BACK)
    assert call.model_error == f"503 refused (developer); 429 refused ({VERTEX})"
    assert developer.attempts == vertex.attempts > 3


async def test_where_neither_gets_ready_both_have_had_their_turn_within_eight_seconds(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path, tokens: TokenServer
) -> None:
    async with (
        two_endpoints(certificates, trusting, tmp_path, first=never_ready, second=never_ready) as (
            handler,
            developer,
            vertex,
        ),
        ringing(handler, a_call(call_sid=call_sid(1))) as socket,
    ):
        took_s = await closed_after_s(socket)

    assert took_s < 8.1
    assert (developer.attempts, vertex.attempts) >= (1, 1)

"""Orders, over sockets: each is placed once, completed, and recorded correctly."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import trustme
from websockets.asyncio.server import ServerConnection

from ringdown.calls import CallRecord, ToolOutcome
from ringdown.tools import Json, ToolDeclaration
from tests.ringdown.samples import NOW, a_call, a_tool, an_agent
from tests.stream_handler.conversing import (
    INTERRUPTED,
    READY,
    TURN_COMPLETE,
    Converse,
    Model,
    heard_from_caller,
    tool_calls,
)
from tests.stream_handler.handler import (
    CONNECTED,
    SHORT_PATIENCE,
    call_sid,
    closed,
    running_handler,
    start,
    stop,
    token,
)
from tests.stream_handler.little_gemini import LittleGemini, little_gemini, send
from tests.stream_handler.tool_server import GOOD_BODY, ToolServer, response, tool_server

ORDER: Json = {"id": "t1", "name": "lookup_account", "args": {"item": "pizza"}}
WITH_PEOPLE = an_agent(transfer_numbers={"billing": "+14155550111"})


@asynccontextmanager
async def an_order_tool(takes_s: float) -> AsyncIterator[tuple[ToolServer, ToolDeclaration]]:
    """A tool with a side effect, which takes `takes_s` to answer."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(takes_s)
        await response(GOOD_BODY)(writer)

    async with tool_server(reply) as server:
        yield server, msgspec.structs.replace(a_tool(), url=server.url)


def keys_of(server: ToolServer) -> set[str]:
    """The idempotency keys of all requests, except those that only check for the tool."""
    bodies = [json for _, body in server.requests if (json := body)]
    return {msgspec.json.decode(body)["idempotency_key"] for body in bodies}


class _OrdersTwice(Model):
    """Cancels its order when interrupted while the tool runs, and places it again."""

    async def caller_spoke(self) -> None:
        again = dict(ORDER, id=f"t{self.heard}")
        await self.send(heard_from_caller("Order a pizza."), tool_calls(again))

    async def caller_began(self) -> None:
        if self.heard == 1:
            await self.send({"toolCallCancellation": {"ids": ["t1"]}}, INTERRUPTED)


async def test_an_order_repeated_after_an_interruption_is_placed_once(converse: Converse) -> None:
    async with an_order_tool(3.0) as (server, tool), converse(_OrdersTwice, tools=(tool,)) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        await talk.phone.listen(1.5)
        await talk.phone.speak(0.4)
        await talk.phone.listen(5.0)

        assert len(keys_of(server)) == 1


class _OrdersEachTime(Model):
    """Places an order each time the caller has spoken, and announces the result."""

    async def caller_spoke(self) -> None:
        order = dict(ORDER, id=f"t{self.heard}")
        await self.send(heard_from_caller("A pizza, please."), tool_calls(order))

    async def tool_answered(self, id: str, response: Json) -> None:
        await self.say("It is ordered.", 0.6)


async def test_an_order_placed_again_later_is_another_one(converse: Converse) -> None:
    async with (
        an_order_tool(0.5) as (server, tool),
        converse(_OrdersEachTime, tools=(tool,)) as talk,
    ):
        await talk.phone.listen(1.0)
        for _ in range(2):
            await talk.phone.speak(1.0)
            await talk.phone.listen(3.0)
        record = await talk.ended()

    assert len(keys_of(server)) == 2
    assert len({call.idempotency_key for call in record.tool_calls}) == 2


class _OrdersTwoAtOnce(Model):
    async def caller_spoke(self) -> None:
        await self.send(tool_calls(ORDER, dict(ORDER, id="t2")))

    async def tool_answered(self, id: str, response: Json) -> None:
        self.conversation.told.append((0.0, id))


async def test_equal_orders_in_one_message_are_two(converse: Converse) -> None:
    async with (
        an_order_tool(0.5) as (server, tool),
        converse(_OrdersTwoAtOnce, tools=(tool,)) as talk,
    ):
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        await talk.phone.listen(2.0)

        assert len(keys_of(server)) == 2
        assert sorted(talk.texts) == ["t1", "t2"]


class _OrdersInEachSession(Model):
    """Loses its first session while the tool runs; the next one places the order again."""

    async def caller_spoke(self) -> None:
        await self.send(tool_calls(ORDER))
        await asyncio.sleep(0.5)
        await self.socket.close(1011, "Internal error encountered.")

    async def run(self) -> None:
        if self.number == 2:
            await self.send(READY, tool_calls(dict(ORDER, id="u1")))
        await super().run()

    async def tool_answered(self, id: str, response: Json) -> None:
        self.conversation.told.append((0.0, id))


async def test_an_order_repeated_by_another_session_is_placed_once(converse: Converse) -> None:
    async with (
        an_order_tool(3.0) as (server, tool),
        converse(_OrdersInEachSession, tools=(tool,)) as talk,
    ):
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        await talk.phone.listen(5.0)

        assert len(talk.gemini.setups) == 2
        assert len(server.requests) == 1
        assert "u1" in talk.texts


async def test_what_took_too_long_may_have_been_done(converse: Converse) -> None:
    async with an_order_tool(30.0) as (_, tool):
        quick = msgspec.structs.replace(tool, timeout_s=1.0)
        async with converse(_OrdersEachTime, tools=(quick,)) as talk:
            await talk.phone.listen(1.0)
            await talk.phone.speak(1.0)
            await talk.phone.listen(3.0)
            record = await talk.ended()

    [order] = record.tool_calls
    assert order.outcome is ToolOutcome.UNKNOWN
    assert "took too long" in (order.error or "")


async def test_a_process_that_stops_does_not_wait_for_a_tool(converse: Converse) -> None:
    async with an_order_tool(50.0) as (_, tool):
        slow = msgspec.structs.replace(tool, timeout_s=60.0)
        async with converse(_OrdersEachTime, tools=(slow,)) as talk:
            await talk.phone.listen(1.0)
            await talk.phone.speak(1.0)
            await talk.phone.listen(1.5)
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            talk.handler.stopping.set()
            await talk.handler.stopped.wait()
            took_s = loop.time() - began_s
            record = await talk.handler.record(1)

    patience = SHORT_PATIENCE.for_turns_to_end_s + SHORT_PATIENCE.for_calls_to_be_saved_s
    assert took_s < patience + 0.5
    assert [call.outcome for call in record.tool_calls] == [ToolOutcome.UNKNOWN]


class _OrdersAndGoesOn(Model):
    """Places the order, and then sends `then`."""

    then: tuple[Json, ...] = ()

    async def caller_spoke(self) -> None:
        await self.send(heard_from_caller("Order a pizza."), tool_calls(ORDER))
        if self.then:
            await self.say("I order it and then we part.", 0.6, end=False)
            await self.send(*self.then, TURN_COMPLETE)


class _OrdersAndHangsUp(_OrdersAndGoesOn):
    then = (tool_calls({"id": "e1", "name": "end_call", "args": {}}),)


class _OrdersAndTransfers(_OrdersAndGoesOn):
    then = (
        tool_calls(
            {"id": "x1", "name": "transfer_call", "args": {"name": "billing", "reason": "wish"}}
        ),
    )


@pytest.mark.parametrize(
    "model",
    [_OrdersAndGoesOn, _OrdersAndHangsUp, _OrdersAndTransfers],
    ids=["the caller hangs up", "the agent hangs up", "a transfer"],
)
async def test_an_order_is_finished_although_the_call_ends(
    converse: Converse, model: type[Model]
) -> None:
    async with (
        an_order_tool(2.5) as (_, tool),
        converse(model, agent=WITH_PEOPLE, tools=(tool,)) as talk,
    ):
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        await talk.phone.listen(1.5)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        await talk.phone.hang_up()
        assert loop.time() - began_s < 0.5, "the stream was kept open for the tool"
        assert _outcomes(await talk.handler.record(1)) == [ToolOutcome.UNKNOWN]
        await asyncio.sleep(3.0)
        record = await talk.ended()

    assert _outcomes(record) == [ToolOutcome.ANSWERED]


def _outcomes(record: CallRecord) -> list[ToolOutcome]:
    return [call.outcome for call in record.tool_calls if call.name == "lookup_account"]


async def test_the_handler_that_takes_over_repeats_an_order_with_its_key(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    """The first stream is lost while the tool runs, and the result comes too late for it to be
    saved, so the order's outcome stays unknown. The tool can recognise the second request."""

    async def order(gemini: LittleGemini, socket: ServerConnection) -> None:
        id = f"session-{len(gemini.setups)}"
        await send(socket, READY, tool_calls(dict(ORDER, id=id)))
        async for frame in socket:
            gemini.take(json.loads(frame))

    async with (
        an_order_tool(2.5) as (server, tool),
        little_gemini(certificates, order) as gemini,
        running_handler(gemini, trusting, tmp_path, within_s=600) as handler,
    ):
        call = msgspec.structs.replace(a_call(call_sid=call_sid(1)), tools=(tool,))
        await handler.store.open_call(call)
        async with handler.socket() as socket:
            await socket.send(CONNECTED)
            await socket.send(start(1))
            await asyncio.sleep(1.5)
            socket.transport.abort()
        await asyncio.sleep(0.5)
        await handler.store.take_up(call_sid(1), 1, NOW)
        async with handler.socket() as again:
            await again.send(CONNECTED)
            await again.send(start(1, customParameters={"token": token(1, attempt=2)}))
            await asyncio.sleep(4.0)
            await again.send(stop(1))
            await closed(again)
        record = await handler.record(1)

    assert len(server.requests) == 2
    assert len(keys_of(server)) == 1
    assert {call.id: call.outcome for call in record.tool_calls} == {
        "session-1": ToolOutcome.UNKNOWN,
        "session-2": ToolOutcome.ANSWERED,
    }
    instructions = gemini.setups[1]["setup"]["systemInstruction"]["parts"][0]["text"]
    assert "It is not known whether that was done" in instructions

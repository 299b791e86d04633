"""Orders over sockets: nothing is done twice, cut in half, or recorded as what it was not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from ringdown.calls import ToolOutcome
from ringdown.tools import Json, ToolDeclaration
from tests.ringdown.samples import a_tool, an_agent
from tests.stream_handler.conversing import (
    INTERRUPTED,
    TURN_COMPLETE,
    Converse,
    Model,
    heard_from_caller,
    tool_calls,
)
from tests.stream_handler.tool_server import GOOD_BODY, ToolServer, response, tool_server

ORDER: Json = {"id": "t1", "name": "lookup_account", "args": {"item": "pizza"}}
WITH_PEOPLE = an_agent(transfer_numbers={"billing": "+14155550111"})


@asynccontextmanager
async def an_order_tool(takes_s: float) -> AsyncIterator[tuple[ToolServer, ToolDeclaration]]:
    """A tool with a side effect."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(takes_s)
        await response(GOOD_BODY)(writer)

    async with tool_server(reply) as server:
        yield server, msgspec.structs.replace(a_tool(), url=server.url)


def keys_of(server: ToolServer) -> set[str]:
    """The idempotency keys of all requests; looking whether the tool is there has none."""
    bodies = [json for _, body in server.requests if (json := body)]
    return {msgspec.json.decode(body)["idempotency_key"] for body in bodies}


class _OrdersTwice(Model):
    """Interrupted while the tool runs, it cancels the order and places it again."""

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


class _OrdersAndGoesOn(Model):
    """Places the order and then does something else."""

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
        await talk.phone.hang_up()
        await asyncio.sleep(3.0)
        record = await talk.ended()

    outcomes = [call.outcome for call in record.tool_calls if call.name == "lookup_account"]
    assert outcomes == [ToolOutcome.ANSWERED]

"""What tools return in a rehearsal, over HTTP and through the client that calls use."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from devtools.rehearsals.tool_ledger import ToolLedger, serving_tools
from ringdown.rehearsals import CannedResult, Persona
from ringdown.tools import Json, ToolAnswer, ToolCallContext, ToolDeclaration, ToolRequest
from ringdown.tools.client import ToolClient

SID = "CA1"
CONTEXT = ToolCallContext(
    call_sid=SID, agent_id="default", caller="+14155550123", called="", language="en-US"
)
TUESDAY, WEDNESDAY = {"day": "tuesday"}, {"day": "wednesday"}


class Tools:
    def __init__(self, ledger: ToolLedger, client: ToolClient) -> None:
        self.ledger = ledger
        self._client = client
        self._orders = 0

    async def call(self, args: dict[str, Json], *, name: str = "book", key: str = "") -> ToolAnswer:
        self._orders += 1
        tool = ToolDeclaration(
            name=name, description="", url=f"{self.ledger.url}/{name}", timeout_s=2.0
        )
        request = ToolRequest(
            call=CONTEXT, name=name, args=args, idempotency_key=key or str(self._orders)
        )
        return (await self._client.call(tool, request)).answer


@asynccontextmanager
async def tools(*results: CannedResult, facts_tool: str | None = None) -> AsyncIterator[Tools]:
    """The ledger of a call by a persona with these `results` for the tool `book`."""
    persona = Persona(name="books", who="-", wants="-", tools={"book": results})
    client = ToolClient()
    async with serving_tools() as ledger:
        ledger.begin(SID, persona, lambda: 1_500, facts_tool=facts_tool)
        try:
            yield Tools(ledger, client)
        finally:
            await client.close()


async def test_results_are_used_in_turn_and_the_last_one_again() -> None:
    async with tools(CannedResult(output={"n": 1}), CannedResult(output={"n": 2})) as booking:
        outputs = [(await booking.call({})).output for _ in range(3)]

    assert outputs == [{"n": 1}, {"n": 2}, {"n": 2}]


async def test_a_result_is_for_the_arguments_that_it_names() -> None:
    results = (
        CannedResult(args=TUESDAY, output={"free": True}),
        CannedResult(args=WEDNESDAY, error="We are closed."),
    )
    async with tools(*results) as booking:
        closed = await booking.call({**WEDNESDAY, "hour": 9})
        free = await booking.call(TUESDAY)
        unknown = await booking.call({"day": "friday"})

    assert free.output == {"free": True}
    assert closed.error is not None
    assert closed.error.message == "We are closed."
    assert unknown.error is not None
    assert unknown.error.message == "This tool has no result in the rehearsal."


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("server_error", "The tool failed."),
        ("garbled", "The tool failed."),
        ("hangs", "The tool took too long to answer, but may have done what you asked."),
    ],
)
async def test_a_broken_tool_is_met_as_in_a_call(fault: str, message: str) -> None:
    result = CannedResult(fault=fault)  # type: ignore[arg-type]
    async with tools(result) as booking:
        answer = await booking.call({})

    assert answer.error is not None
    assert answer.error.message == message


async def test_the_ledger_has_each_order_once() -> None:
    async with tools(CannedResult(output={"n": 1}), CannedResult(output={"n": 2})) as booking:
        first = await booking.call(TUESDAY, key="order")
        again = await booking.call(TUESDAY, key="order")
        served = booking.ledger.end(SID)

    assert first == again
    [order] = served
    assert (order.tool, order.args, order.at_ms) == ("book", TUESDAY, 1_500)


async def test_facts_of_a_stranger_are_empty_and_no_fault() -> None:
    async with tools(facts_tool="who_calls") as booking:
        answer = await booking.call({}, name="who_calls")

    assert answer.error is None


async def test_a_call_that_is_no_rehearsal_gets_nothing() -> None:
    async with tools(CannedResult(output={})) as booking:
        booking.ledger.end(SID)
        answer = await booking.call({})

    assert answer.error is not None

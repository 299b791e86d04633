"""Faults around a running tool."""

import asyncio
from collections.abc import Awaitable, Callable

from ringdown.calls import CallRecord, EndReason, Speaker, ToolOutcome
from simulators.twilio import Call
from tests.faults.fault import Fault, Seen
from tests.faults.story import (
    KNOWN,
    NUMBER,
    QUESTION,
    at_once,
    last_words,
    seen_if,
    told,
    when_all_are_there,
)
from tests.faults.world import TOOL_TIMEOUT_S, World

_ASK = "Please look it up."
_LOOK_EVERY_S = 0.1
_LOOKS = 50
_FAILED = "the agent says that it didn't work"


async def _carried(
    world: World, meanwhile: Callable[[Call], Awaitable[None]]
) -> tuple[Call, CallRecord]:
    """Place a call that asks for the tool; do `meanwhile` before hanging up."""
    async with world.call() as call:
        await call.agent_silent_for(0.5)
        await call.say(NUMBER)
        await call.agent_silent_for(0.6)
        await call.say(_ASK)
        await meanwhile(call)
        await call.hang_up()
    return call, await world.record(call)


async def _failing(
    world: World,
    times: int,
    outcome: ToolOutcome,
    *,
    status: int = 200,
    waits_s: float = 0,
) -> list[Seen]:
    async def heard(call: Call) -> None:
        await world.tool.until(world.tool.answered, call)
        await call.agent_silent_for(0.8)

    async def once() -> Seen:
        _, record = await _carried(world, heard)
        outcomes = [tool.outcome for tool in record.tool_calls]
        as_decided = outcomes == [outcome]
        said = told(record, Speaker.AGENT)
        as_decided = as_decided and said.endswith("did not work just now")
        return seen_if(as_decided, f"{outcomes}; the agent said: {said}")

    world.tool.behaves(status=status, waits_s=waits_s)
    return await at_once(times, once)


async def _error(world: World, times: int) -> list[Seen]:
    return await _failing(world, times, ToolOutcome.FAILED, status=500)


async def _late(world: World, times: int) -> list[Seen]:
    return await _failing(world, times, ToolOutcome.UNKNOWN, waits_s=TOOL_TIMEOUT_S + 1.0)


async def _caller_hangs_up(world: World, times: int) -> list[Seen]:
    async def asked(call: Call) -> None:
        await world.tool.until(world.tool.asked, call)

    async def once() -> Seen:
        call, record = await _carried(world, asked)
        before = [tool.outcome for tool in record.tool_calls]
        await world.tool.until(world.tool.answered, call)
        after = before
        for _ in range(_LOOKS):
            if after != before:
                break
            await asyncio.sleep(_LOOK_EVERY_S)
            after = _outcomes(await world.record(call))
        hung_up = record.call.end_reason is EndReason.CALLER_HUNG_UP
        as_decided = hung_up and (before, after) == ([ToolOutcome.UNKNOWN], [ToolOutcome.ANSWERED])
        return seen_if(as_decided, f"{record.call.end_reason}, {before}, then {after}")

    world.tool.behaves(waits_s=2.0)
    return await at_once(times, once)


def _outcomes(record: CallRecord) -> list[ToolOutcome]:
    return [tool.outcome for tool in record.tool_calls]


async def _caller_interrupts(world: World, times: int) -> list[Seen]:
    async def interrupt(call: Call) -> None:
        await world.tool.until(world.tool.asked, call)
        await call.say(QUESTION)
        await call.agent_silent_for(0.8)

    async def once() -> Seen:
        _, record = await _carried(world, interrupt)
        outcomes = [tool.outcome for tool in record.tool_calls]
        said = told(record, Speaker.AGENT)
        as_decided = outcomes == [ToolOutcome.ANSWERED] and KNOWN in last_words(record)
        return seen_if(as_decided, f"{outcomes}; the agent said: {said}")

    world.tool.behaves(waits_s=TOOL_TIMEOUT_S - 0.5)
    return await at_once(times, once)


async def _session_breaks(world: World, times: int) -> list[Seen]:
    all_asked = asyncio.Barrier(times)

    def break_all() -> None:
        world.gemini.plan({"do": "delay_setup", "delay_s": 1.0})
        world.gemini.cause(do="close", apart_s=0.05)

    async def break_it(call: Call) -> None:
        await world.tool.until(world.tool.asked, call)
        await when_all_are_there(all_asked, break_all)
        await call.agent_silent_for(0.6)  # "One moment."
        await call.agent_speaking_for(1.0)  # longer than a waiting tone
        await call.agent_silent_for(0.8)

    async def once() -> Seen:
        call, record = await _carried(world, break_it)
        asked = world.tool.asked[call.identity.call_sid]
        outcomes = [tool.outcome for tool in record.tool_calls]
        said = told(record, Speaker.AGENT)
        as_decided = asked == 1 and outcomes == [ToolOutcome.ANSWERED] and "found it" in said
        return seen_if(as_decided, f"asked {asked} times, {outcomes}; the agent said: {said}")

    world.tool.behaves(waits_s=1.2)
    try:
        return await at_once(times, once)
    finally:
        world.gemini.plan()


FAULTS = (
    Fault("a tool returns 500", _FAILED, _error),
    Fault(
        "a tool doesn't return in time",
        f"{_FAILED}; the record, that it may have been done anyway",
        _late,
    ),
    Fault(
        "the caller hangs up while a tool runs",
        "the tool finishes, and the record gets its result",
        _caller_hangs_up,
    ),
    Fault(
        "the caller interrupts a tool that the model waits for",
        "the tool finishes, and answers a repeated call too",
        _caller_interrupts,
    ),
    Fault(
        "a tool returns while the model's session is replaced",
        "the next session gets the result; the tool is called once",
        _session_breaks,
    ),
)

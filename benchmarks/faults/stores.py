"""Faults of the store and of tools."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from benchmarks.faults.fault import Fault, Seen
from benchmarks.faults.story import asks_for_number, seen_if, tell_number, told
from benchmarks.faults.world import TOOL_TIMEOUT_S, World
from ringdown.calls import CallStatus, EndReason, Speaker, ToolOutcome
from simulators.twilio import Call

_SLOW_S = 0.8


@contextmanager
def store_locked(world: World) -> Iterator[None]:
    """Another process is stuck in a write: to us the store is away."""
    path = world.stack.store_url.removeprefix("sqlite:")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


async def _away_at_start(world: World, times: int) -> list[Seen]:
    async def once() -> Seen:
        with store_locked(world):
            async with world.call() as call:
                await tell_number(call)
                await call.agent_silent_for(0.6)
                await call.hang_up()
        return await _complete(world, call)

    return [await once() for _ in range(times)]


async def _away_in_mid_call(world: World, times: int) -> list[Seen]:
    async def away(_: Call) -> None:
        with store_locked(world):
            await asyncio.sleep(3.0)

    return await asks_for_number(world, times, away)


async def _slow(world: World, times: int) -> list[Seen]:
    async def slow(_: Call) -> None:
        for _turn in range(4):
            with store_locked(world):
                await asyncio.sleep(_SLOW_S)

    return await asks_for_number(world, times, slow)


async def _away_at_the_end(world: World, times: int) -> list[Seen]:
    async def once() -> Seen:
        async with world.call() as call:
            await tell_number(call)
            await call.agent_silent_for(0.6)
            with store_locked(world):
                await call.hang_up()
                await asyncio.sleep(3.0)
        return await _complete(world, call)

    return [await once() for _ in range(times)]


async def _complete(world: World, call: Call) -> Seen:
    record = await world.record(call)
    said = told(record, Speaker.CALLER)
    as_decided = (
        record.call.status is CallStatus.ENDED
        and record.call.end_reason is EndReason.CALLER_HUNG_UP
        and "one two three four five six" in said
    )
    return seen_if(as_decided, f"{record.call.end_reason}; the caller said: {said}")


async def _tool(world: World, times: int, *, status: int = 200, waits_s: float = 0.0) -> list[Seen]:
    async def once() -> Seen:
        world.tool.behaves(status=status, waits_s=waits_s)
        async with world.call() as call:
            await call.agent_silent_for(0.5)
            await call.say("Please look it up.")
            await call.agent_silent_for(0.6 + waits_s)
            await call.hang_up()
        record = await world.record(call)
        outcomes = [tool.outcome for tool in record.tool_calls]
        said = told(record, Speaker.AGENT)
        as_decided = outcomes == [ToolOutcome.FAILED] and said.endswith("did not work just now")
        return seen_if(as_decided, f"{outcomes}; the agent said: {said}")

    return [await once() for _ in range(times)]


async def _tool_500(world: World, times: int) -> list[Seen]:
    return await _tool(world, times, status=500)


async def _tool_late(world: World, times: int) -> list[Seen]:
    return await _tool(world, times, waits_s=TOOL_TIMEOUT_S + 1.0)


FAULTS = (
    Fault(
        "the store is away when a call comes",
        "the call travels with its stream; its record is written when the store is back",
        _away_at_start,
    ),
    Fault(
        "the store is away for 3 s in mid-call",
        "nobody notices; what was said is written afterwards",
        _away_in_mid_call,
        most_silence_ms=2_000,
    ),
    Fault(
        "the store takes 0.8 s for everything",
        "nobody notices",
        _slow,
        most_silence_ms=2_000,
    ),
    Fault(
        "the store is away when the call ends",
        "its record is written when the store is back (10 s), else it leaves as a dead letter",
        _away_at_the_end,
    ),
    Fault("a tool answers 500", "the agent says that it did not work; the call goes on", _tool_500),
    Fault(
        "a tool does not answer in time",
        "the agent says that it did not work; the late answer changes nothing",
        _tool_late,
    ),
)

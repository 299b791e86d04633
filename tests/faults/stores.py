"""Faults of the store."""

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

from ringdown.calls import CallRecord, CallStatus, EndReason, Speaker
from ringdown.calls.dead_letters import replay
from simulators.twilio import Call
from tests.faults.fault import Fault, Seen
from tests.faults.story import (
    KNOWN,
    QUESTION,
    asks_for_number,
    last_words,
    tell_number,
    told,
)
from tests.faults.world import World

_FILLER_BYTES = 64_000_000
_LIMIT_BYTES = 32_000_000
_FILLER = "filler"
_SLOW_S = 0.8
_LOOKS = 30
_LOOK_EVERY_S = 0.5


@contextmanager
def store_locked(world: World) -> Iterator[None]:
    """Lock the store, like a process that is stuck in a write; no one else can use it."""
    with closing(sqlite3.connect(world.store_path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


async def _away_at_start(world: World, times: int) -> list[Seen]:
    async def hang_up(call: Call) -> None:
        await call.agent_silent_for(0.6)
        await call.hang_up()

    with store_locked(world):
        async with world.calls(times) as calls:
            await asyncio.gather(*map(tell_number, calls))
            await asyncio.gather(*map(hang_up, calls))
    return [await _complete(world, call) for call in calls]


async def _away_in_mid_call(world: World, times: int) -> list[Seen]:
    async def away(_: Sequence[Call]) -> None:
        with store_locked(world):
            await asyncio.sleep(3.0)

    return await asks_for_number(world, times, away)


async def _slow(world: World, times: int) -> list[Seen]:
    async def slow(_: Sequence[Call]) -> None:
        for _turn in range(4):
            with store_locked(world):
                await asyncio.sleep(_SLOW_S)

    return await asks_for_number(world, times, slow)


async def _away_at_the_end(world: World, times: int) -> list[Seen]:
    async with world.calls(times) as calls:
        await asyncio.gather(*map(tell_number, calls))
        await asyncio.gather(*(call.agent_silent_for(0.6) for call in calls))
        with store_locked(world):
            await asyncio.gather(*(call.hang_up() for call in calls))
            await asyncio.sleep(3.0)
    return [await _complete(world, call) for call in calls]


async def _disk_full(world: World, times: int) -> list[Seen]:
    """Keep the disk full from before the calls until their records are dead letters."""

    async def talk(call: Call) -> None:
        await tell_number(call)
        await call.agent_silent_for(0.6)
        await call.say(QUESTION)
        await call.agent_silent_for(0.6)
        await call.hang_up()

    async with disk_full(world.store_path, world.writers):
        async with world.calls(times) as calls:
            await asyncio.gather(*map(talk, calls))
        letters = await world.dead_letters(calls)
    for letter in letters:
        await replay(world.store, letter)
    return [await _complete(world, call, knows=True) for call in calls]


@asynccontextmanager
async def disk_full(path: Path, processes: Sequence[int]) -> AsyncIterator[None]:
    """Fill the disk, as far as the embedded store and the processes that write it can tell.

    The kernel doesn't let their files grow beyond a limit (RLIMIT_FSIZE), and SQLite's write-ahead
    log is already larger: a filler was written to it, and a reader keeps it from being restarted.
    Their own logs are far smaller, and still work. Linux only, like prlimit.
    """
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as reader,
        closing(sqlite3.connect(path, isolation_level=None)) as writer,
    ):
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM documents").fetchone()
        writer.execute("INSERT INTO documents VALUES (?, ?)", (_FILLER, "x" * _FILLER_BYTES))
        before = [resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in processes]
        try:
            for pid, (_, hard) in zip(processes, before, strict=True):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (_LIMIT_BYTES, hard))
            yield
        finally:
            for pid, limits in zip(processes, before, strict=True):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
            reader.execute("ROLLBACK")
            writer.execute("DELETE FROM documents WHERE path = ?", (_FILLER,))


async def _complete(world: World, call: Call, *, knows: bool = False) -> Seen:
    """Wait until the record is complete; the problem is its last state if it never is."""
    for _ in range(_LOOKS):
        record = await world.record(call)
        as_decided = (
            record.call.status is CallStatus.ENDED
            and record.call.end_reason is EndReason.CALLER_HUNG_UP
            and "one two three four five six" in told(record, Speaker.CALLER)
            and (KNOWN in last_words(record) or not knows)
        )
        if as_decided:
            return Seen()
        await asyncio.sleep(_LOOK_EVERY_S)
    return Seen(problem=_in_short(record))


def _in_short(record: CallRecord) -> str:
    return f"{record.call.end_reason}; the caller said: {told(record, Speaker.CALLER)}"


FAULTS = (
    Fault(
        "the store is unavailable when a call comes",
        "the last known or packaged agent answers; the call travels, and is recorded later",
        _away_at_start,
    ),
    Fault(
        "the store is unavailable for 3 s during a call",
        "what was said is written afterwards",
        _away_in_mid_call,
        most_silence_ms=2_000,
    ),
    Fault(
        "the store takes 0.8 s for everything",
        "callers notice nothing",
        _slow,
        most_silence_ms=2_000,
    ),
    Fault(
        "the store is unavailable when the call ends",
        "the record is written if it is back within 10 s, or else a dead letter",
        _away_at_the_end,
    ),
    Fault(
        "the embedded store's disk is full",
        "the call travels; its record becomes a dead letter",
        _disk_full,
    ),
)

"""`python -m benchmarks.console_pages`: measures each console page's time to first byte.

Fills the store with calls of the last 30 days and measures the pages, then again with many more
calls since midnight. With FIRESTORE_EMULATOR_HOST set, give --store firestore:PROJECT, with a
project that nothing else uses.
"""

import argparse
import asyncio
import datetime
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx2

from console.desk import Desk
from console.serving import serve
from console.site import console
from console.this_machine import LocalDoorkeeper
from devtools.processes import say
from ringdown import clock
from ringdown.agents import packaged_agent, packaged_document
from ringdown.agents.edits import look_at_edit
from ringdown.calls import (
    RETENTION,
    Call,
    CallChanges,
    CallStatus,
    EndReason,
    Speaker,
    Turn,
    Usage,
)
from ringdown.calls.figures import count_again, day_of
from ringdown.calls.outcomes import STANDINGS
from ringdown.stores import Store, open_store
from ringdown_cli.command import count

_AT_ONCE = 32
_HOST = "127.0.0.1"
_DAYS = 30
_TODAYS = 1_000_000
_NEWEST = f"CA{0:032x}"
PAGES = (
    "/",
    "/calls",
    "/calls?failed=any",
    "/calls?agent=night",
    "/calls?outcome=no",
    "/calls/outcomes",
    "/calls/outcomes?by=agent",
    f"/calls/{_NEWEST}",
    "/agents",
    "/agents/default",
    "/agents/default/history",
    "/numbers",
    "/callers",
    "/costs",
    "/costs?by=agent",
    "/costs?by=number",
    "/people",
)


async def fill(store: Store, calls: int) -> None:
    """Store two agents, ten numbers, and a month of `calls` calls, one in 50 of which failed."""
    for agent_id in ("default", "night"):
        if await store.read_agent(agent_id) is None:
            await store.write_agent(agent_id, dict(packaged_document()), over=None)
            await look_at_edit(store, agent_id, clock.now())
    for n in range(10):
        await store.write_number(_number(n), "night")
    apart = datetime.timedelta(days=_DAYS) / calls
    await _open_all(store, [_call(n, clock.now() - n * apart) for n in range(calls)])
    turns = tuple(
        Turn(
            n=n, speaker=speaker, text="Something is said.", start_ms=n * 900, end_ms=n * 900 + 800
        )
        for n, speaker in enumerate([Speaker.AGENT, Speaker.CALLER] * 20)
    )
    await store.save(_NEWEST, 1, CallChanges(turns=turns))


async def fill_today(store: Store, calls: int) -> None:
    """Store `calls` more calls since midnight."""
    now = clock.now()
    today = day_of(now, datetime.UTC)
    apart = (now - today.since) / calls
    await _open_all(store, [_call(_TODAYS + n, today.since + n * apart) for n in range(calls)])
    await count_again(store, now, now)


async def _open_all(store: Store, calls: Sequence[Call]) -> None:
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(call: Call) -> None:
        async with turn:
            await store.open_call(call)

    await asyncio.gather(*map(one, calls))


def _number(n: int) -> str:
    return f"+1415555{n:04}"


def _call(n: int, began: datetime.datetime) -> Call:
    agent = packaged_agent()
    over = began + datetime.timedelta(seconds=90)
    return Call(
        call_sid=f"CA{n:032x}",
        caller=_number(1_000 + n % 4_000),
        called=_number(n % 10),
        agent_id="night" if n % 3 == 0 else "default",
        agent=agent,
        agent_revision=agent.revision,
        tools=(),
        created_at=began,
        expires_at=began + RETENTION,
        status=CallStatus.ENDED,
        started_at=began,
        ended_at=over,
        end_reason=EndReason.MODEL_LOST if n % 50 == 7 else EndReason.AGENT_HUNG_UP,
        usage=Usage(reports=4, prompt={"AUDIO": 8_000}, response={"AUDIO": 2_000}, total=10_000),
        talk_s=90,
        cost_usd=0.05,
        outcome=STANDINGS[n % len(STANDINGS)] if n % 3 else None,
    )


@asynccontextmanager
async def running_console(store: Store) -> AsyncIterator[httpx2.AsyncClient]:
    listener = socket.create_server((_HOST, 0))
    host = f"{_HOST}:{listener.getsockname()[1]}"
    stop = asyncio.Event()
    pages = console(Desk(store, clock.now), LocalDoorkeeper("benchmark", [host]))
    serving = asyncio.create_task(serve(pages, listener, stop))
    async with httpx2.AsyncClient(base_url=f"http://{host}", timeout=60) as client:
        yield client
    stop.set()
    await serving


async def first_byte_ms(client: httpx2.AsyncClient, path: str) -> float:
    began_s = time.perf_counter()
    async with client.stream("GET", path) as response:
        async for _ in response.aiter_raw():
            break
        taken_ms = (time.perf_counter() - began_s) * 1000
    assert response.status_code == 200, f"{path}: {response.status_code}"  # noqa: S101
    return taken_ms


async def measure(store_url: str, calls: int, today: int, runs: int) -> None:
    async with open_store(store_url) as store:
        say(f"Filling {store_url} with {calls:,} calls of {_DAYS} days …")
        await fill(store, calls)
        await measure_pages(store, runs)
        say(f"\nFilling it with {today:,} more calls since midnight …")
        await fill_today(store, today)
        await measure_pages(store, runs)


async def measure_pages(store: Store, runs: int) -> None:
    say("\n| page | first, ms | median, ms | slowest, ms |\n| --- | ---: | ---: | ---: |")
    async with running_console(store) as client:
        for path in PAGES:
            taken_ms = [await first_byte_ms(client, path) for _ in range(runs)]
            later = sorted(taken_ms[1:])
            shown = (taken_ms[0], later[len(later) // 2], later[-1])
            page = path.replace(_NEWEST, "SID")
            say(f"| `{page}` | {' | '.join(f'{each:.0f}' for each in shown)} |")


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.console_pages")
    parser.add_argument("--store", metavar="URL", help="an empty store; default: SQLite")
    parser.add_argument(
        "--calls", type=count, default=10_000, help="calls in 30 days (%(default)s)"
    )
    parser.add_argument(
        "--today", type=count, default=2_000, help="more calls since midnight (%(default)s)"
    )
    parser.add_argument("--runs", type=count, default=21, help="requests per page (%(default)s)")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        store_url = given.store or f"sqlite:{folder}/ringdown.db"
        asyncio.run(measure(store_url, given.calls, given.today, given.runs))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

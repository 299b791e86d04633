"""The webhook's store, as the test sees it."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

from ringdown.agents import Agent
from ringdown.calls import Call, CallChanges, Claim
from ringdown.stores import Store, open_store
from ringdown.tools import ToolDeclaration
from tests.ringdown import seeding
from tests.ringdown.samples import CALL_SID, a_claim

_Result = TypeVar("_Result")


def write_agent(store_url: str, agent: Agent, *, tools: tuple[ToolDeclaration, ...] = ()) -> None:
    async def write() -> None:
        async with open_store(store_url) as store:
            await seeding.write_agent(store, "default", agent)
            for tool in tools:
                await store.write_tool(tool)

    asyncio.run(write())


def stored_call(store_url: str, call_sid: str = CALL_SID) -> Call | None:
    async def read() -> Call | None:
        async with open_store(store_url) as store:
            return await store.read_call(call_sid)

    return asyncio.run(read())


def with_store(store_url: str, work: Callable[[Store], Awaitable[_Result]]) -> _Result:
    """Run `work` on the store, behind the webhook's back."""

    async def do() -> _Result:
        async with open_store(store_url) as store:
            return await work(store)

    return asyncio.run(do())


def stream_began(store_url: str, call: Call, claim: Claim | None = None) -> None:
    """Open the call and let a handler claim it."""

    async def claimed() -> None:
        async with open_store(store_url) as store:
            await store.open_call(call)
            assert await store.claim(call.call_sid, claim or a_claim()) is not None

    asyncio.run(claimed())


def handler_saved(store_url: str, changes: CallChanges) -> None:
    async def save() -> None:
        async with open_store(store_url) as store:
            await store.save(CALL_SID, 1, changes)

    asyncio.run(save())


@contextmanager
def store_locked(store_url: str) -> Iterator[None]:
    """Lock the store, like a process that is stuck in the middle of a write."""
    path = store_url.removeprefix("sqlite:")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def damage(store_url: str, path: str, body: str) -> None:
    with closing(sqlite3.connect(store_url.removeprefix("sqlite:"))) as connection, connection:
        connection.execute("INSERT OR REPLACE INTO documents VALUES (?, ?)", (path, body))

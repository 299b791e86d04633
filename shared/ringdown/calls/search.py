"""Finds calls by what went wrong in them."""

import asyncio
import datetime
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from ringdown.calls import CallIndex, CallQuery, CallStore, ListedCall
from ringdown.calls.outcomes import STANDINGS, Outcome
from ringdown.calls.problems import problems
from ringdown.errors import InvalidDocument

MOST_LOOKED_THROUGH = 2_000
_AT_ONCE = 8
_MOMENT = datetime.timedelta(microseconds=1)


class CallArchive(CallIndex, CallStore, Protocol):
    """Calls that can be found and read."""


@dataclass(frozen=True, slots=True)
class Found:
    call: ListedCall
    problems: tuple[str, ...]
    outcome: Outcome | None = None


class Search:
    """Searches the calls of `query`, newest first; the query's `limit` is the page size.

    `problem` must occur in one of the problems (case-insensitive); "" matches any. `outcome` is one
    of STANDINGS, or "" for any.
    """

    def __init__(
        self,
        store: CallArchive,
        query: CallQuery,
        problem: str | None = None,
        *,
        outcome: str | None = None,
    ) -> None:
        self._store = store
        if outcome is not None:
            query = msgspec.structs.replace(query, outcomes=(outcome,) if outcome else STANDINGS)
        self._query = query
        self._problem = problem
        self.gave_up_at: datetime.datetime | None = None
        """When the last call examined began, if older ones were left unexamined."""

    async def found(self) -> AsyncIterator[Found]:
        """Yield the matching calls with their problems. Examines at most MOST_LOOKED_THROUGH."""
        seen: set[str] = set()
        query = self._query
        while page := [c for c in await self._store.list_calls(query) if c.call_sid not in seen]:
            if len(seen) >= MOST_LOOKED_THROUGH:
                self.gave_up_at = query.until
                return
            page = page[: MOST_LOOKED_THROUGH - len(seen)]
            for found in await with_problems(self._store, page):
                if self._is_wanted(found):
                    yield found
            seen.update(call.call_sid for call in page)
            # More calls may have begun at the same moment, and be on the next page.
            query = msgspec.structs.replace(query, until=page[-1].created_at + _MOMENT)

    def _is_wanted(self, found: Found) -> bool:
        problem = self._problem
        return problem is None or any(problem.lower() in each.lower() for each in found.problems)


async def with_problems(store: CallStore, calls: Sequence[ListedCall]) -> list[Found]:
    """Return each call with its problems, which requires reading its whole record."""
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(call: ListedCall) -> Found:
        async with turn:
            return await _found(store, call)

    return await asyncio.gather(*(one(call) for call in calls))


async def _found(store: CallStore, call: ListedCall) -> Found:
    try:
        record = await store.read_record(call.call_sid)
    except InvalidDocument as error:
        return Found(call, (f"The record is damaged: {error}.",))
    return Found(call, ()) if record is None else Found(call, problems(record), record.outcome)

"""`calls list`: finds calls by number, time, agent or problem."""

import argparse
import asyncio
import datetime
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from ringdown.calls import Call, CallIndex, CallQuery, CallStore
from ringdown.calls.problems import problems
from ringdown.errors import InvalidDocument
from ringdown.gemini.prices import cost_usd
from ringdown.tools import Json
from ringdown_cli.calls.times import NoTime, moment
from ringdown_cli.calls.wording import LIST_HEADS, list_row
from ringdown_cli.command import DONE, CannotGoOn, Surroundings
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.wording import day_and_minute, json_text

_AT_ONCE = 8
_PAGE = 100
MOST_LOOKED_THROUGH = 2_000
_MOMENT = datetime.timedelta(microseconds=1)
_MINUTE = datetime.timedelta(minutes=1)


class CallArchive(CallIndex, CallStore, Protocol):
    """Calls that can be found and read."""


@dataclass(frozen=True, slots=True)
class Found:
    call: Call
    problems: tuple[str, ...]


async def list_calls(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal = surroundings.terminal
    query = _query(arguments, surroundings.now())
    found: list[Found] = []
    async with chosen_store(arguments.store, surroundings) as store:
        search = Search(store, query, arguments.problem)
        async for item in search.found():
            found.append(item)
            if len(found) == arguments.limit:
                break
    if arguments.json:
        terminal.say(json_text([_plain(item) for item in found]))
    elif found:
        rows = [
            list_row(item.call, item.problems, whole_numbers=arguments.numbers) for item in found
        ]
        terminal.table(LIST_HEADS, rows)
        if len(found) == arguments.limit:
            terminal.complain(f"These are the newest {arguments.limit}. For more, add --limit.")
    else:
        terminal.complain("No call was found.")
    if search.gave_up_at is not None:
        terminal.complain(_gave_up(search.gave_up_at))
    return DONE


def _gave_up(at: datetime.datetime) -> str:
    until = day_and_minute(at + _MINUTE).replace(" ", "T")  # a full one, so that none is left out
    return (
        f"The newest {MOST_LOOKED_THROUGH:,} calls were looked through, back to"
        f" {day_and_minute(at)} UTC; older ones were not. To go on from there, add: --until {until}"
    )


def _query(arguments: argparse.Namespace, now: datetime.datetime) -> CallQuery:
    try:
        return CallQuery(
            since=moment(arguments.since, now) if arguments.since else None,
            until=moment(arguments.until, now) if arguments.until else None,
            number=arguments.number,
            agent_id=arguments.agent,
            limit=min(_PAGE, arguments.limit) if arguments.problem is None else _PAGE,
        )
    except NoTime as error:
        raise CannotGoOn(str(error)) from None


class Search:
    """The calls of `query` with their problems, the newest first; `limit` is the size of a page.

    `problem` is what must be said in one of the problems, in large or small letters; "" is any.
    """

    def __init__(self, store: CallArchive, query: CallQuery, problem: str | None) -> None:
        self._store = store
        self._query = query
        self._problem = problem
        self.gave_up_at: datetime.datetime | None = None
        """When the last call began that was looked at, if there are more before it."""

    async def found(self) -> AsyncIterator[Found]:
        """Ends when there is no call any more, or when MOST_LOOKED_THROUGH have been looked at."""
        seen: set[str] = set()
        query = self._query
        while page := [c for c in await self._store.list_calls(query) if c.call_sid not in seen]:
            if len(seen) >= MOST_LOOKED_THROUGH:
                self.gave_up_at = query.until
                return
            page = page[: MOST_LOOKED_THROUGH - len(seen)]
            for found in await _with_problems(self._store, page):
                if self._is_wanted(found):
                    yield found
            seen.update(call.call_sid for call in page)
            # Calls of this very moment may be on the next page, too.
            query = msgspec.structs.replace(query, until=page[-1].created_at + _MOMENT)

    def _is_wanted(self, found: Found) -> bool:
        wanted = self._problem
        return wanted is None or any(wanted.lower() in text.lower() for text in found.problems)


async def _with_problems(store: CallStore, calls: Sequence[Call]) -> list[Found]:
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(call: Call) -> Found:
        async with turn:
            return Found(call, await _problems(store, call))

    return await asyncio.gather(*(one(call) for call in calls))


async def _problems(store: CallStore, call: Call) -> tuple[str, ...]:
    try:
        record = await store.read_record(call.call_sid)
    except InvalidDocument as error:
        return (f"The record is damaged: {error}.",)
    return problems(record) if record is not None else ()


def _plain(found: Found) -> Json:
    call = found.call
    return {
        "call_sid": call.call_sid,
        "created_at": call.created_at,
        "ended_at": call.ended_at,
        "caller": call.caller,
        "called": call.called,
        "agent_id": call.agent_id,
        "agent_revision": call.agent_revision,
        "status": call.status,
        "end_reason": call.end_reason,
        "cost_usd": round(cost_usd(call.usage), 4),
        "problems": found.problems,
    }

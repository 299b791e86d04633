"""`calls list`: finds calls by number, time, agent or problem."""

import argparse
import asyncio
import datetime
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from ops.calls.times import NoTime, moment
from ops.calls.wording import LIST_HEADS, list_row
from ops.command import DONE, CannotGoOn, Surroundings
from ops.store_choice import chosen_store
from ops.wording import json_text
from ringdown.calls import Call, CallIndex, CallQuery, CallStore
from ringdown.errors import InvalidDocument
from ringdown.prices import cost_usd
from ringdown.problems import problems
from ringdown.tools import Json

_AT_ONCE = 8
_PAGE = 100
_LOOKED_THROUGH = 2_000
_MOMENT = datetime.timedelta(microseconds=1)


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
        async for item in search(store, query, arguments.problem):
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
    return DONE


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


async def search(store: CallArchive, query: CallQuery, problem: str | None) -> AsyncIterator[Found]:
    """The calls of `query` with their problems, the newest first; `limit` is the size of a page.

    `problem` is what must be said in one of the problems, in large or small letters; "" is any.
    Gives up after _LOOKED_THROUGH calls.
    """
    seen: set[str] = set()
    while len(seen) < _LOOKED_THROUGH:
        page = await store.list_calls(query)
        calls = [call for call in page if call.call_sid not in seen]
        if not calls:
            return
        for found in await _with_problems(store, calls):
            if problem is None or any(problem.lower() in text.lower() for text in found.problems):
                yield found
        seen.update(call.call_sid for call in calls)
        # Calls of this very moment may be on the next page, too.
        query = msgspec.structs.replace(query, until=calls[-1].created_at + _MOMENT)


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

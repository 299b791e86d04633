"""`calls list`: finds calls by number, time, agent or problem."""

import argparse
import datetime

import msgspec

from ringdown.calls import CallQuery
from ringdown.calls.search import MOST_LOOKED_THROUGH, Found, Search
from ringdown.gemini.prices import cost_usd
from ringdown.tools import Json
from ringdown_cli.calls.times import NoTime, moment
from ringdown_cli.calls.wording import call_table
from ringdown_cli.command import DONE, CannotGoOn, Surroundings
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.wording import json_text

_PAGE = 100
_MINUTE = datetime.timedelta(minutes=1)


async def list_calls(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal = surroundings.terminal
    query = _query(arguments, surroundings.now().astimezone(surroundings.zone))
    found: list[Found] = []
    async with chosen_store(arguments.store, surroundings) as store:
        search = Search(store, query, arguments.problem, outcome=arguments.outcome)
        async for item in search.found():
            found.append(item)
            if len(found) == arguments.limit:
                break
    if arguments.json:
        terminal.say(json_text([_plain(item) for item in found]))
    elif found:
        call_table(
            terminal,
            found,
            surroundings.zone,
            whole_numbers=arguments.numbers,
            outcomes=arguments.outcome is not None,
        )
        if len(found) == arguments.limit:
            terminal.complain(f"Showing the newest {arguments.limit}. For more, use --limit.")
    else:
        terminal.complain("No calls found.")
    if search.gave_up_at is not None:
        terminal.complain(gave_up(search.gave_up_at.astimezone(surroundings.zone)))
    return DONE


def gave_up(at: datetime.datetime) -> str:
    until = at + _MINUTE  # rounded up, so that no call is missed
    return (
        f"Searched only the newest {MOST_LOOKED_THROUGH:,} calls, back to {at:%Y-%m-%d %H:%M}"
        f" {at.tzname()}. To continue from there, add:"
        f" --until {until:%Y-%m-%dT%H:%M}"
    )


def _query(arguments: argparse.Namespace, now: datetime.datetime) -> CallQuery:
    query = period_query(arguments, now)
    takes_all = arguments.problem is None and arguments.outcome is None
    limit = min(_PAGE, arguments.limit) if takes_all else _PAGE
    return msgspec.structs.replace(query, number=arguments.number, limit=limit)


def period_query(arguments: argparse.Namespace, now: datetime.datetime) -> CallQuery:
    """Make a query from --since, --until and --agent. Raises CannotGoOn if a time is invalid."""
    try:
        return CallQuery(
            since=moment(arguments.since, now) if arguments.since else None,
            until=moment(arguments.until, now) if arguments.until else None,
            agent_id=arguments.agent,
            limit=_PAGE,
        )
    except NoTime as error:
        raise CannotGoOn(str(error)) from None


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
        "outcome": None if found.outcome is None else msgspec.to_builtins(found.outcome),
    }

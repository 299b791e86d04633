"""`ringdown outcomes`: lists or counts the outcomes of calls, also as CSV or JSON Lines."""

import argparse
import csv
import io
from collections import Counter
from collections.abc import Sequence

import msgspec

from ringdown.calls.outcomes import STANDINGS, Finding, Outcome, Value, standing
from ringdown.calls.search import Found, Search
from ringdown_cli.calls.commands import add_period
from ringdown_cli.calls.listing import gave_up, period_query
from ringdown_cli.calls.wording import call_table
from ringdown_cli.command import DONE, Commands, Surroundings, add_command
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.terminal import Terminal

_FORMULA = ("=", "+", "-", "@")
"""A spreadsheet would run text that starts like this as a formula, and callers influence the text
of summaries and fields."""

Row = dict[str, object]


def add_outcomes_command(commands: Commands) -> None:
    parser = add_command(
        commands,
        "outcomes",
        outcomes,
        "show the outcomes of calls (see after_call), as a list or counted by day or agent",
        examples=(
            "outcomes --since 7d",
            "outcomes --by agent --since 30d",
            "outcomes --since 30d --csv > outcomes.csv",
        ),
    )
    parser.add_argument("--by", choices=("day", "agent"), help="count them by day or agent")
    add_period(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--csv", action="store_true", help="for spreadsheets: a column for each field"
    )
    form.add_argument(
        "--json-lines", action="store_true", help="for scripts: an object on each line"
    )


async def outcomes(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal, zone = surroundings.terminal, surroundings.zone
    query = period_query(arguments, surroundings.now().astimezone(zone))
    async with chosen_store(arguments.store, surroundings) as store:
        search = Search(store, query, outcome="")
        found = [each async for each in search.found()]
    if search.gave_up_at is not None:
        terminal.complain(gave_up(search.gave_up_at.astimezone(zone)))
    if not found:
        terminal.complain("No call has an outcome. Agents ask for one with after_call.")
        return DONE
    if arguments.by is None and not (arguments.csv or arguments.json_lines):
        call_table(terminal, found, zone, outcomes=True)
        return DONE
    rows = _counted(found, arguments.by, surroundings) if arguments.by else None
    if arguments.json_lines:
        for row in rows or map(_plain, found):
            terminal.say(msgspec.json.encode(row).decode())
    elif arguments.csv:
        _say_csv(terminal, rows or [_flat(each) for each in found])
    else:
        _say_counts(terminal, arguments.by, rows or [])
    return DONE


def _counted(found: Sequence[Found], by: str, surroundings: Surroundings) -> list[Row]:
    counts: dict[str, Counter[str]] = {}
    for each in found:
        day = f"{each.call.created_at.astimezone(surroundings.zone):%Y-%m-%d}"
        name = day if by == "day" else each.call.agent_id
        if each.outcome is not None:
            counts.setdefault(name, Counter())[standing(each.outcome)] += 1
    return [
        {by: name, "calls": count.total(), **{word: count[word] for word in STANDINGS}}
        for name, count in sorted(counts.items(), reverse=by == "day")
    ]


def _say_counts(terminal: Terminal, by: str, rows: Sequence[Row]) -> None:
    heads = (by, "calls", *STANDINGS)
    cells = [[str(row[head]) for head in heads] for row in rows]
    terminal.table(heads, cells)


def _plain(found: Found) -> Row:
    call = found.call
    return {
        "call_sid": call.call_sid,
        "created_at": call.created_at,
        "agent_id": call.agent_id,
        "called": call.called,
        "outcome": msgspec.to_builtins(found.outcome),
    }


def _flat(found: Found) -> Row:
    call, outcome = (
        found.call,
        found.outcome or Outcome(questions="", asked_at=found.call.created_at),
    )
    row: Row = {
        "call_sid": call.call_sid,
        "created_at": call.created_at.isoformat(),
        "agent_id": call.agent_id,
        "outcome": standing(outcome),
        "outcome_turn": outcome.success_turn,
        "topic": outcome.topic,
        "summary": outcome.summary,
        "follow_up": outcome.follow_up,
        "problem": outcome.problem,
    }
    for name, finding in outcome.fields.items():
        row |= _flat_field(name, finding)
    return row


def _flat_field(name: str, finding: Finding) -> Row:
    return {f"fields.{name}": finding.value, f"fields.{name}.turn": finding.turn}


def _say_csv(terminal: Terminal, rows: Sequence[Row]) -> None:
    names = dict.fromkeys(name for row in rows for name in row)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    terminal.say(text.getvalue().rstrip("\n"))


def _cell(value: object) -> Value | None:
    match value:
        case str() if value.startswith(_FORMULA):
            return f"'{value}"
        case str() | int() | float() | None:
            return value
        case _:
            return str(value)

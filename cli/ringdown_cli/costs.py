"""`ringdown costs`: what the model cost, by day, agent or number."""

import argparse

import msgspec

from ringdown.calls.figures import Figures, days_until, read_days, shares, total
from ringdown.calls.wording import money
from ringdown_cli.command import DONE, Commands, Surroundings, add_command, count
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.wording import json_text

_DAYS = 7


def add_costs_command(commands: Commands) -> None:
    parser = add_command(
        commands,
        "costs",
        costs,
        "show what the model cost, with calls and minutes, by day, agent or number",
        examples=("costs", "costs --by agent --days 30", "costs --by number --json"),
    )
    parser.add_argument(
        "--by", choices=("day", "agent", "number"), default="day", help="default: day"
    )
    parser.add_argument(
        "--days",
        metavar="N",
        type=count,
        default=_DAYS,
        help=f"the last N days, today included (default: {_DAYS})",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")


async def costs(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal, zone = surroundings.terminal, surroundings.zone
    now = surroundings.now()
    async with chosen_store(arguments.store, surroundings) as store:
        days = await read_days(store, days_until(now, zone, arguments.days), now)
    if arguments.by == "day":
        figures = {f"{day.since.astimezone(zone):%Y-%m-%d}": day.figures for day in days}
    else:
        figures = shares(days, arguments.by)
    if arguments.json:
        terminal.say(json_text([_plain(arguments.by, n, each) for n, each in figures.items()]))
        return DONE
    rows = [
        _row(name, each) for name, each in {**figures, "total": total(figures.values())}.items()
    ]
    terminal.table((arguments.by, "calls", "minutes", "cost", "per call"), rows)
    terminal.note("Estimated cost of the model. Twilio and Google Cloud are extra: docs/costs.md.")
    return DONE


def _row(name: str, figures: Figures) -> tuple[str, ...]:
    each = money(figures.cost_usd / figures.calls) if figures.calls else ""
    minutes = f"{figures.talk_s / 60:.0f}"
    return name, str(figures.calls), minutes, money(figures.cost_usd), each


def _plain(by: str, name: str, figures: Figures) -> dict[str, object]:
    plain: dict[str, object] = msgspec.to_builtins(figures)
    return {by: name, **plain}

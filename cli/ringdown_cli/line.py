"""`ringdown` without a command: the state of the line, and what to do next."""

import argparse
import datetime
from collections.abc import Iterator, Mapping

from ringdown.agents import DEFAULT_AGENT_ID
from ringdown.calls import CallQuery
from ringdown.calls.figures import CountedCall
from ringdown.calls.limits import LineLimits, LineUse
from ringdown.calls.line_state import Concern, Hours, LineState, Subject, line_state
from ringdown.calls.search import with_problems
from ringdown.calls.wording import length, money, number_shown
from ringdown.errors import ConfigurationError
from ringdown_cli.calls.wording import call_table, short_sid
from ringdown_cli.command import DONE, CannotGoOn, Surroundings
from ringdown_cli.store_choice import NO_STORE, choose_store, opened
from ringdown_cli.terminal import Style, Terminal
from ringdown_cli.wording import counted

_LAST_CALLS = 5
_AFTER_CALLS = (
    ("calls show last", "what happened in the last call"),
    ("calls list --since yesterday --problem", "calls with problems"),
)
_NEXT = (
    ("agents edit default", "change what the agent says"),
    ("doctor", "check that the line can take calls"),
    ("--help", "every command"),
)


async def say_line(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal = surroundings.terminal
    try:
        chosen = await choose_store(arguments.store, surroundings)
    except ConfigurationError as error:
        if error.problems != (NO_STORE,):
            raise
        raise CannotGoOn(f"{NO_STORE}\nFor all commands: ringdown --help") from None
    now = surroundings.now()
    async with opened(chosen.url, surroundings) as store:
        state = await line_state(store, now, surroundings.zone)
        last = await with_problems(store, await store.list_calls(CallQuery(limit=_LAST_CALLS)))
    found = f" ({chosen.found})" if chosen.found else ""
    terminal.say(f"{chosen.url}{found}", Style.FAINT)
    _say_state(terminal, state)
    for line in hours_in_words(state.hours, now.astimezone(surroundings.zone)):
        terminal.say(line)
    if state.concerns:
        terminal.say("\nNeeds you:", Style.STRONG)
        for concern in state.concerns:
            terminal.say(f"  ! {_named(concern)}{concern.text}", Style.BAD)
            terminal.say(f"    {_cure(concern)}")
    if state.live:
        terminal.say("\nNow:", Style.STRONG)
        for call in state.live:
            terminal.say(_live(call, now))
    if last:
        terminal.say("\nLast calls:", Style.STRONG)
        call_table(terminal, last, surroundings.zone)
    terminal.say("\nNext:", Style.STRONG)
    commands = (*_AFTER_CALLS, *_NEXT) if last else _NEXT
    width = max(len(command) for command, _ in commands)
    for command, what in commands:
        terminal.say(f"  ringdown {command:{width}}  {what}")
    return DONE


def _say_state(terminal: Terminal, state: LineState) -> None:
    today, use = state.today.figures, state.use
    if state.concerns:
        things = counted(len(state.concerns), "thing needs you", "things need you")
        terminal.say(f"! {things}.", Style.BAD)
    else:
        terminal.say("✓ All is well.", Style.GOOD)
    terminal.say(
        f"{counted(len(state.live), 'live call')}. Today: {counted(today.calls, 'call')},"
        f" {money(today.cost_usd)} for the model ({_against_limit(state.limits, use)} in the last"
        " 24 hours)."
    )


def _against_limit(limits: LineLimits, use: LineUse) -> str:
    limit = limits.usd_per_day
    return f"{money(use.usd_per_day)}{'' if limit is None else f' of {money(limit)}'}"


def hours_in_words(hours: Mapping[str, Hours], now: datetime.datetime) -> Iterator[str]:
    """Yield a line for each agent, in the time zone of `now`."""
    for agent_id, each in hours.items():
        state = "open" if each.is_open else "closed"
        changes = ""
        if each.changes_at is not None:
            then = each.changes_at.astimezone(now.tzinfo)
            day = "" if then.date() == now.date() else f"{then:%A} {then:%Y-%m-%d} "
            changes = f"{' until' if each.is_open else ', opens'} {day}{then:%H:%M}"
        yield f"{agent_id} is {state}{changes}."


def _named(concern: Concern) -> str:
    match concern.subject:
        case Subject.AGENT:
            return f"agents/{concern.name}: "
        case Subject.CALLS | Subject.OUTCOMES:
            return ""
        case _:
            return f"{concern.name}: "


def _cure(concern: Concern) -> str:
    match concern.subject:
        case Subject.AGENT:
            name = concern.name
            return f"ringdown agents edit {name}, or ringdown agents rollback {name}"
        case Subject.NUMBER:
            return f"ringdown numbers unset {concern.name}, so that {DEFAULT_AGENT_ID} answers it"
        case Subject.LIMIT:
            return "ringdown limits"
        case Subject.CALLS | Subject.OUTCOMES:
            return f"ringdown calls show {short_sid(concern.calls[0])}"
        case Subject.WEBHOOK:
            return f"ringdown webhooks test {concern.name}"


def _live(call: CountedCall, now: datetime.datetime) -> str:
    caller = number_shown(call.caller, whole=False)
    return f"  {short_sid(call.call_sid)}  {length(call, now)}  {caller} with {call.agent_id}"

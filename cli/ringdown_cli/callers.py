"""`ringdown callers`: list, block, unblock, forget."""

import argparse
import datetime
import re
from collections import Counter

from ringdown.calls import CallIndex, CallQuery
from ringdown.calls.callers import UNREACHED, Forgotten
from ringdown.calls.wording import number_shown
from ringdown.errors import RecordingsOutOfReach
from ringdown.phone_numbers import is_e164
from ringdown_cli.calls.naming import LAST
from ringdown_cli.command import BROKEN, DONE, CannotGoOn, Commands, Group, Surroundings
from ringdown_cli.local_time import with_zone
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.wording import counted, json_text

_SHORT_CODE = re.compile(r"[0-9]{3,6}")
_ENDING = re.compile(r"…?([0-9]{3,15})")
_WITHHELD = ("anonymous", "unknown")
_RECENT_CALLS = 500


def add_caller_commands(groups: Commands) -> None:
    group = Group(groups, "callers", "list, block or forget callers")
    listing = group.add(
        "list",
        list_callers,
        "list callers, and who is blocked",
        examples=("callers list", "callers list --blocked --numbers"),
    )
    listing.add_argument("--blocked", action="store_true", help="only blocked callers")
    listing.add_argument("--numbers", action="store_true", help="show full phone numbers")
    listing.add_argument("--json", action="store_true", help="print JSON, with full phone numbers")
    for name, command, help in (
        (
            "block",
            block,
            "stop answering a number (caller ID can be spoofed, so this stops only casual abuse)",
        ),
        ("unblock", unblock, "answer a blocked caller again"),
        ("forget", forget, "delete everything stored about a caller (they stay blocked)"),
    ):
        examples = (f"callers {name} +14155550123", f"callers {name} …0123", f"callers {name} last")
        parser = group.add(name, command, help, examples=examples)
        parser.add_argument(
            "number",
            metavar="NUMBER",
            help="a phone number, its last digits as lists show them (…0123), or `last`",
        )
        if command is forget:
            parser.add_argument("--yes", action="store_true", help="don't ask for confirmation")


async def list_callers(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal, zone = surroundings.terminal, surroundings.zone
    async with chosen_store(arguments.store, surroundings) as store:
        blocked = await store.blocked_callers()
        calls = await store.list_calls(CallQuery(limit=_RECENT_CALLS))
    count = Counter(call.caller for call in calls)
    last = {call.caller: call.created_at for call in reversed(calls)}
    others = () if arguments.blocked else (each for each in count if each not in blocked.callers)
    callers = (*blocked.callers, *others)
    if arguments.json:
        terminal.say(
            json_text(
                [
                    {
                        "caller": each,
                        "blocked": each in blocked.callers,
                        "calls": count[each],
                        "last_call": last.get(each),
                    }
                    for each in callers
                ]
            )
        )
        return DONE
    rows = [
        (
            number_shown(each, whole=arguments.numbers),
            "blocked" if each in blocked.callers else "",
            str(count[each]),
            with_zone(last[each], zone) if each in last else "",
        )
        for each in callers
    ]
    if rows:
        terminal.table(("caller", "state", "calls", "last call"), rows)
    else:
        terminal.complain("No callers are blocked." if arguments.blocked else "No calls yet.")
    if len(calls) == _RECENT_CALLS and not arguments.blocked:
        terminal.complain(f"Counts cover the last {_RECENT_CALLS} calls.")
    if blocked.forgotten:
        who = counted(blocked.forgotten, "forgotten caller")
        terminal.complain(f"Also blocked: {who}, of whom only a hash is kept.")
    return DONE


async def block(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    async with chosen_store(arguments.store, surroundings) as store:
        number = await _caller_meant(store, arguments.number, surroundings)
        await store.block_caller(number, True)
    surroundings.terminal.say(f"{number} is blocked. To undo it: ringdown callers unblock {number}")
    return DONE


async def unblock(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    async with chosen_store(arguments.store, surroundings) as store:
        number = await _caller_meant(store, arguments.number, surroundings)
        if not (await store.read_caller(number)).blocked:
            surroundings.terminal.say(f"{number} wasn't blocked.")
            return DONE
        await store.block_caller(number, False)
    surroundings.terminal.say(f"{number} is unblocked: calls from it are answered again.")
    return DONE


async def forget(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal = surroundings.terminal
    async with chosen_store(arguments.store, surroundings) as store:
        number = await _caller_meant(store, arguments.number, surroundings)
        question = f"Erase {number} and every call from it? This can't be undone."
        if not arguments.yes and not terminal.confirm(question):
            terminal.complain("Nothing was erased.")
            return BROKEN
        try:
            erased = await store.forget_caller(number)
        except RecordingsOutOfReach as error:
            raise CannotGoOn(str(error)) from None
    terminal.say(_in_words(number, erased))
    if erased.still_blocked:
        terminal.say(
            f"{number} stays blocked: Ringdown keeps a salted hash of the number."
            f" To unblock it: ringdown callers unblock {number}"
        )
    if erased.in_progress:
        calls = "a call" if erased.in_progress == 1 else f"{erased.in_progress} calls"
        terminal.complain(
            f"{number} is still in {calls}, so the line will store more about this caller. Once"
            f" that is over, repeat: ringdown callers forget {number}"
        )
    terminal.say("Ringdown can't delete:")
    for place in UNREACHED:
        terminal.say(f"  - {place}")
    return DONE


async def _caller_meant(store: CallIndex, given: str, surroundings: Surroundings) -> str:
    """Return the caller as call records name them. Last digits are looked up among recent calls,
    and the user confirms the match. Raises CannotGoOn if no caller matches.

    Callers aren't only phone numbers: they may be `anonymous`, `sip:…` or short codes.
    """
    text = given.strip().replace("...", "…")
    if is_e164(text) or text in _WITHHELD or (":" in text and "…" not in text):
        return text
    recent = await _recent_callers(store)
    if text in recent:
        return text
    end = _ENDING.fullmatch(text)
    matching = [
        caller
        for caller in recent
        if number_shown(caller, whole=False) == text
        or (end is not None and is_e164(caller) and caller.endswith(end[1]))
    ]
    if text == LAST:
        matching = sorted(recent, key=lambda caller: recent[caller])[-1:]
    if not matching and _SHORT_CODE.fullmatch(text):
        return text
    if not matching:
        raise CannotGoOn(_not_found(text))
    if len(matching) > 1:
        raise CannotGoOn(f"{text} matches {', '.join(sorted(matching))}. Give the full number.")
    (caller,) = matching
    last = with_zone(recent[caller], surroundings.zone)
    question = f"Do you mean {caller}, who last called {last}?"
    if not surroundings.terminal.confirm(question):
        raise CannotGoOn("Nothing was changed.")
    return caller


async def _recent_callers(store: CallIndex) -> dict[str, datetime.datetime]:
    """Return when each recent caller last called."""
    calls = await store.list_calls(CallQuery(limit=_RECENT_CALLS))
    return {call.caller: call.created_at for call in reversed(calls)}


def _not_found(text: str) -> str:
    if text == LAST:
        return "No calls yet."
    if "…" in text:
        return (
            f"None of the last {_RECENT_CALLS} calls came from {text}. Give the full number.\n"
            "To find it: ringdown calls list --numbers"
        )
    return (
        f"{text!r} isn't a caller. Write it like +14155550123: plus, country code, digits only.\n"
        "To see who called: ringdown calls list --numbers"
    )


def _in_words(number: str, erased: Forgotten) -> str:
    if erased == Forgotten(callers=0, calls=0, documents=0):
        return f"Nothing was stored about {number}."
    calls = "1 call" if erased.calls == 1 else f"{erased.calls} calls"
    below = f" ({erased.documents} turns, tool calls and so on)" if erased.documents else ""
    recorded = f", {counted(erased.recordings, 'recording')}" if erased.recordings else ""
    known = " and the caller's profile" if erased.callers else ""
    return f"Erased: {calls}{below}{recorded}{known}."

"""`ringdown callers`: block, unblock, forget."""

import argparse
import re

from ringdown.calls.callers import Forgotten
from ringdown.phone_numbers import is_e164
from ringdown_cli.command import BROKEN, DONE, CannotGoOn, Group, Surroundings
from ringdown_cli.store_choice import chosen_store

_SHORT_CODE = re.compile(r"[0-9]{3,6}")
UNREACHED = (
    "Twilio's own call logs, and recordings if you made any: delete them in Twilio's console.",
    "Google Cloud's logs, among them the bucket of dead letters: they end with their retention.",
    "Firestore's point-in-time recovery (seven days if it is on), its backups and exports.",
    "What Google keeps of Gemini sessions by your terms with it.",
    "Agents and drafts that name the number, such as a draft's `testers`: take it out of them.",
    "What tools stored elsewhere, and pages that were written by `calls show`.",
)
"""What `forget` cannot erase, in operators' words."""


def add_caller_commands(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = Group(groups, "callers", "block a caller, or forget one")
    for name, command, help in (
        ("block", block, "answer a caller no more (numbers can be forged: it stops the lazy)"),
        ("unblock", unblock, "answer a caller again"),
        ("forget", forget, "erase a caller: calls, words, memory; and say what cannot be reached"),
    ):
        parser = group.add(name, command, help, examples=(f"callers {name} +14155550123",))
        parser.add_argument(
            "number",
            metavar="NUMBER",
            help="as `calls list --numbers` shows it",
        )
        if command is forget:
            parser.add_argument("--yes", action="store_true", help="do not ask")


async def block(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    async with chosen_store(arguments.store, surroundings) as store:
        await store.block_caller(_identity(arguments), True)
    surroundings.terminal.say(
        f"{arguments.number} is blocked. To undo it: ringdown callers unblock {arguments.number}"
    )
    return DONE


async def unblock(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    number = _identity(arguments)
    async with chosen_store(arguments.store, surroundings) as store:
        if not (await store.read_caller(number)).blocked:
            surroundings.terminal.say(f"{number} was not blocked.")
            return DONE
        await store.block_caller(number, False)
    surroundings.terminal.say(f"{number} is answered again.")
    return DONE


async def forget(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    number, terminal = _identity(arguments), surroundings.terminal
    async with chosen_store(arguments.store, surroundings) as store:
        question = f"Erase {number} and every call from it? This cannot be undone."
        if not arguments.yes and not terminal.confirm(question):
            terminal.complain("Nothing is erased.")
            return BROKEN
        erased = await store.forget_caller(number)
    terminal.say(_in_words(number, erased))
    terminal.say("What this cannot reach:")
    for place in UNREACHED:
        terminal.say(f"  - {place}")
    return DONE


def _identity(arguments: argparse.Namespace) -> str:
    """Not only phone numbers: callers may be `anonymous`, `sip:…` or short codes."""
    number: str = arguments.number.strip()
    looks_like_one = number[:1] in "+0123456789(" and not _SHORT_CODE.fullmatch(number)
    if looks_like_one and not is_e164(number):
        raise CannotGoOn(
            f"{number!r} is no phone number. Write it like +14155550123: plus, country code,"
            " digits only."
        )
    return number


def _in_words(number: str, erased: Forgotten) -> str:
    if erased == Forgotten(callers=0, calls=0, documents=0):
        return f"Nothing was stored about {number}."
    calls = "1 call" if erased.calls == 1 else f"{erased.calls} calls"
    below = f" with {erased.documents} turns, tool calls and the like" if erased.documents else ""
    known = " and what was known about the caller" if erased.callers else ""
    return f"Erased: {calls}{below}{known}."

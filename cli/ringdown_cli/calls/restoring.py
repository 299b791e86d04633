"""`calls restore`: restores records that were saved to the log during a database outage."""

import argparse
from pathlib import Path

from ringdown.calls import CallStore
from ringdown.calls.dead_letters import Assembled, DeadLetter, Replayed, assemble, replay
from ringdown.calls.figures import count_again
from ringdown.errors import InvalidDocument, Superseded
from ringdown_cli.command import BROKEN, DONE, CannotGoOn, Surroundings
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.terminal import Style


async def restore_calls(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal = surroundings.terminal
    found = _found(arguments.file, surroundings)
    for problem in found.problems:
        terminal.complain(problem)
    if not found.letters:
        terminal.complain(f"No complete record in {_named(arguments.file)}.")
        return BROKEN
    missing = len(found.problems)
    async with chosen_store(arguments.store, surroundings) as store:
        for number, letter in enumerate(found.letters, start=1):
            text, ok = await _write_back(store, letter)
            await count_again(store, letter.call.created_at, surroundings.now())
            missing += not ok
            terminal.say(
                f"{number} of {len(found.letters)}  {letter.call.call_sid}  {text}",
                Style.PLAIN if ok else Style.BAD,
            )
    return DONE if not missing else BROKEN


def _found(file: str, surroundings: Surroundings) -> Assembled:
    try:
        if file == "-":
            return assemble(surroundings.terminal.answers)
        with Path(file).open(encoding="utf-8", errors="replace") as lines:
            return assemble(lines)
    except OSError as error:
        raise CannotGoOn(f"Can't read {file}: {error.strerror}.") from None
    except RecursionError:
        raise CannotGoOn(f"JSON in {_named(file)} is nested too deeply.") from None


def _named(file: str) -> str:
    return "standard input" if file == "-" else file


async def _write_back(store: CallStore, letter: DeadLetter) -> tuple[str, bool]:
    """Restore a record. Returns what was done, in words, and False if it must be tried again."""
    try:
        replayed = await replay(store, letter)
    except (InvalidDocument, Superseded) as error:
        return f"not restored: {error}. Try again", False
    if replayed.still_open:
        return "not restored: the call is still live. Try again when it has ended", False
    return _in_words(replayed), True


def _in_words(replayed: Replayed) -> str:
    done = [
        *(["the call"] if replayed.created else []),
        *([_count(replayed.turns, "turn")] if replayed.turns else []),
        *([_count(replayed.tool_calls, "tool call")] if replayed.tool_calls else []),
        *(["its end"] if replayed.completed else []),
    ]
    return f"restored: {', '.join(done)}" if done else "nothing was missing"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")

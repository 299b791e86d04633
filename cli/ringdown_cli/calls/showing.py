"""`calls show`: describes a call in words, and writes its page."""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ringdown.calls import CallRecord
from ringdown.calls.problems import problems, reply_times_ms
from ringdown.calls.search import CallArchive
from ringdown.calls.uploads import kept_pictures
from ringdown.errors import InvalidDocument, StoreUnavailable
from ringdown.gemini.prices import cost_usd
from ringdown.stores import Store
from ringdown.webhooks.lost import lost_problems
from ringdown_cli.call_lines import NewLines
from ringdown_cli.calls.naming import call_meant
from ringdown_cli.calls.wording import facts
from ringdown_cli.command import DONE, CannotGoOn, Surroundings
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.terminal import Style, Terminal
from ringdown_cli.wording import json_text

if TYPE_CHECKING:
    from ringdown.call_page import Recording


async def show(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    async with chosen_store(arguments.store, surroundings) as store:
        record = await read_record_or_stop(store, arguments.call)
        lost = await lost_problems(store.documents, record.call.call_sid)
        recording = None
        if record.call.agent.record and not arguments.json:
            recording = await _recording(store, record.call.call_sid, surroundings.terminal)
        pictures = {} if arguments.json else await _pictures(store, record, surroundings.terminal)
    found = (*problems(record), *lost)
    terminal = surroundings.terminal
    if arguments.json:
        terminal.say(_json(record, found))
        return DONE
    _say(surroundings, record, found, whole_numbers=arguments.numbers)
    page = arguments.html or surroundings.out / "calls" / f"{record.call.call_sid}.html"
    await asyncio.to_thread(_write_page, page, record, found, recording, pictures)
    terminal.say(f"\nWrote {page} (open it in a browser).")
    return DONE


async def read_record_or_stop(store: CallArchive, call: str) -> CallRecord:
    """Return the record of the call that the user means. Raises CannotGoOn."""
    call_sid = await call_meant(store, call)
    try:
        record = await store.read_record(call_sid)
    except InvalidDocument as error:
        raise CannotGoOn(f"The record is damaged: {error}. Correct it in the store.") from None
    if record is None:
        raise CannotGoOn(f"Someone just erased the call {call_sid}.")
    return record


def _say(
    surroundings: Surroundings,
    record: CallRecord,
    found: tuple[str, ...],
    *,
    whole_numbers: bool,
) -> None:
    terminal = surroundings.terminal
    for name, value in facts(record, surroundings.zone, whole_numbers=whole_numbers):
        terminal.say(f"{name + ':':<11} {value}")
    terminal.say()
    if found:
        terminal.say("Problems:", Style.STRONG)
        for problem in found:
            terminal.say(f"  - {problem}", Style.BAD)
    else:
        terminal.say("No problems found.", Style.GOOD)
    terminal.say()
    for line in NewLines().of(record):
        terminal.say(f"  {line.at_ms / 1000:6.1f} s  {line.who:<6}  {line.what}")


async def _recording(store: Store, call_sid: str, terminal: Terminal) -> "Recording | None":
    """Return the recording, or None if it can't be read: the rest is worth showing without it."""
    from ringdown.audio.telephone import PHONE_HZ
    from ringdown.call_page import Recording
    from ringdown.calls.recorded_sound import recorded_sound

    try:
        sound = await recorded_sound(store.recordings, call_sid)
        if sound is None:
            return None
        caller, agent = await sound.sides()
    except StoreUnavailable as error:
        terminal.complain(f"Can't read the recording: {error}. Try again in a minute.")
        return None
    return Recording(PHONE_HZ, caller, agent, sound.began_ms)


async def _pictures(store: Store, record: CallRecord, terminal: Terminal) -> dict[int, str]:
    """Return the photos that the caller sent, if the agent keeps them and they can be read."""
    from ringdown.call_page import in_the_page

    try:
        return in_the_page(await kept_pictures(store, record.call))
    except StoreUnavailable as error:
        terminal.complain(f"Can't read the photos: {error}. Try again in a minute.")
        return {}


def _write_page(
    path: Path,
    record: CallRecord,
    found: tuple[str, ...],
    recording: "Recording | None",
    pictures: dict[int, str],
) -> None:
    from ringdown.call_page import CallPage, call_page

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shown = CallPage(record=record, recording=recording, problems=found, pictures=pictures)
        path.write_text(call_page(shown), "utf-8")
    except OSError as error:
        raise CannotGoOn(f"Can't write {path}: {error.strerror}.") from None


def _json(record: CallRecord, found: tuple[str, ...]) -> str:
    return json_text(
        {
            **msgspec.to_builtins(record),
            "problems": found,
            "cost_usd": round(cost_usd(record.call.usage), 4),
            "reply_times_ms": reply_times_ms(record.turns),
        }
    )

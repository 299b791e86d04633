"""`calls replay`: runs a call's flight record through the core again, or turns it into a test."""

import argparse
from collections.abc import Sequence
from itertools import groupby, islice
from operator import attrgetter
from pathlib import Path

from ringdown.calls.flights import DamagedFlight, unpack
from ringdown.stores import Store
from ringdown_cli.calls.flight_account import account
from ringdown_cli.calls.flight_case import case_source, flight_decisions
from ringdown_cli.calls.naming import call_meant
from ringdown_cli.calls.without_words import without_words
from ringdown_cli.command import DONE, CannotGoOn, Surroundings
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.terminal import Style, Terminal
from stream_handler.record.flight_record import Flight, UnreadableFlight, read_flight
from stream_handler.record.flight_replay import Step, replay
from stream_handler.words import words_for

_MOST_DIFFERENCES = 5


async def replay_call(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal = surroundings.terminal
    async with chosen_store(arguments.store, surroundings) as store:
        call_sid = await call_meant(store, arguments.call)
        flights = await _flights(store, call_sid)
    for flight in flights:
        _say_flight(terminal, flight)
    if arguments.test is not None:
        _write_test(arguments.test, flights, terminal)
    return DONE


async def _flights(store: Store, call_sid: str) -> list[Flight]:
    """Return a flight for each stream of the call that left a record. Raises CannotGoOn."""
    parts = await store.read_flights(call_sid)
    if not parts:
        raise CannotGoOn(
            f"{call_sid} has no flight record. One is written when a stream ends, except after a"
            " crash, and kept as long as the call. To find calls: ringdown calls list."
        )
    found = []
    for attempt, of_attempt in groupby(parts, key=attrgetter("attempt")):
        try:
            found.append(read_flight(unpack(of_attempt)))
        except (DamagedFlight, UnreadableFlight) as error:
            raise CannotGoOn(
                f"Can't read the flight record of attempt {attempt}: {error}. Try the version of"
                " Ringdown that handled the call."
            ) from None
    return found


def _say_flight(terminal: Terminal, flight: Flight) -> None:
    call = flight.head.call
    steps = list(replay(flight, words_for(call.agent.language)))
    terminal.say(f"{call.call_sid}, stream {call.attempt}: {len(steps)} events", Style.STRONG)
    for line in account(steps):
        terminal.say(f"  {line.at_ms / 1000:7.2f} s  {line.who:<6}  {line.what}")
        for decision in line.decisions:
            terminal.say(f"                       → {decision}", Style.FAINT)
    if flight.head.truncated:
        terminal.say("Recording stopped before the stream ended, so this is only its beginning.")
    _say_differences(terminal, [step for step in steps if step.differs])


def _say_differences(terminal: Terminal, different: Sequence[Step]) -> None:
    if not different:
        terminal.say("Replay matches: today's code makes the same decisions.\n", Style.GOOD)
        return
    terminal.say(f"Replay differs: today's code decides differently {len(different)}×:", Style.BAD)
    for step in islice(different, _MOST_DIFFERENCES):
        terminal.say(f"  {step.event.at_ms / 1000:7.2f} s  {type(step.event).__name__}")
        then = step.recorded.decisions if step.recorded is not None else ()
        terminal.say(f"      then: {_listed(then)}")
        terminal.say(f"      now:  {_listed(step.answer.decisions)}")
    if len(different) > _MOST_DIFFERENCES:
        terminal.say("  …")
    terminal.say()


def _listed(decisions: tuple[str, ...]) -> str:
    return "; ".join(decisions) or "only passes audio on"


def _write_test(path: Path, flights: Sequence[Flight], terminal: Terminal) -> None:
    if path.suffix != ".py" or not path.name.startswith("test_"):
        raise CannotGoOn(f"{path.name} isn't a test's name. Call it test_….py.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(case_source(flights))
    except FileExistsError:
        raise CannotGoOn(f"{path} already exists. Name another file, or remove it.") from None
    except OSError as error:
        raise CannotGoOn(f"Can't write {path}: {error.strerror}.") from None
    terminal.say(f"Wrote {path}, without names and words. To run it: python -m pytest {path}")
    for flight in flights:
        _warn_if_words_mattered(terminal, flight)


def _warn_if_words_mattered(terminal: Terminal, flight: Flight) -> None:
    pairs = zip(flight_decisions(flight), flight_decisions(without_words(flight)), strict=False)
    changed = next((was for was, now in pairs if _kind(was) != _kind(now)), None)
    if changed is not None:
        terminal.complain(
            "With its words removed, the call takes a different course from"
            f" {changed[0] / 1000:.2f} s on, where the original has {changed[1]}. The test expects"
            " what happens without the words."
        )


def _kind(decision: tuple[float, str]) -> tuple[float, str]:
    at_ms, what = decision
    return at_ms, what.partition(" ")[0]

"""`calls replay`: runs a call's flight record through the core again, and makes a test of it."""

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
    """Of each stream of the call that left a record; raises CannotGoOn."""
    parts = await store.read_flights(call_sid)
    if not parts:
        raise CannotGoOn(
            f"There is no flight record of {call_sid}. One is written when a stream ends, kept as"
            " long as the call; a crash leaves none. Find a call: ringdown calls list."
        )
    found = []
    for attempt, of_attempt in groupby(parts, key=attrgetter("attempt")):
        try:
            found.append(read_flight(unpack(of_attempt)))
        except (DamagedFlight, UnreadableFlight) as error:
            raise CannotGoOn(
                f"The flight record of attempt {attempt} cannot be read: {error}. Read it with the"
                " version of Ringdown that carried the call."
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
        terminal.say("Recording stopped before the stream ended: this is its beginning.")
    _say_differences(terminal, [step for step in steps if step.differs])


def _say_differences(terminal: Terminal, different: Sequence[Step]) -> None:
    if not different:
        terminal.say("The core decides the same now as it did then.\n", Style.GOOD)
        return
    terminal.say(f"The core decides otherwise now, at {len(different)} events:", Style.BAD)
    for step in islice(different, _MOST_DIFFERENCES):
        terminal.say(f"  {step.event.at_ms / 1000:7.2f} s  {type(step.event).__name__}")
        then = step.recorded.decisions if step.recorded is not None else ()
        terminal.say(f"      then: {_listed(then)}")
        terminal.say(f"      now:  {_listed(step.answer.decisions)}")
    if len(different) > _MOST_DIFFERENCES:
        terminal.say("  …")
    terminal.say()


def _listed(decisions: tuple[str, ...]) -> str:
    return "; ".join(decisions) or "only sound is passed on"


def _write_test(path: Path, flights: Sequence[Flight], terminal: Terminal) -> None:
    if path.suffix != ".py" or not path.name.startswith("test_"):
        raise CannotGoOn(f"{path} is no name of a test. Call it test_….py.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(case_source(flights))
    except FileExistsError:
        raise CannotGoOn(f"{path} is there already. Name another file, or remove it.") from None
    except OSError as error:
        raise CannotGoOn(f"{path} cannot be written: {error.strerror}.") from None
    terminal.say(f"Wrote {path}, without names and words. Run it: python -m pytest {path}")
    for flight in flights:
        _warn_if_words_mattered(terminal, flight)


def _warn_if_words_mattered(terminal: Terminal, flight: Flight) -> None:
    pairs = zip(flight_decisions(flight), flight_decisions(without_words(flight)), strict=False)
    changed = next((was for was, now in pairs if _kind(was) != _kind(now)), None)
    if changed is not None:
        terminal.complain(
            f"Without its words the call goes otherwise from {changed[0] / 1000:.2f} s on, where it"
            f" was {changed[1]}. The test expects what happens without them."
        )


def _kind(decision: tuple[float, str]) -> tuple[float, str]:
    at_ms, what = decision
    return at_ms, what.partition(" ")[0]

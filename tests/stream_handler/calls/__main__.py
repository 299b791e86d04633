"""Record the calls again: `python -m tests.stream_handler.calls record [--spoken]`.

Do this only if the core is meant to decide differently, and read `git diff` afterwards. Without
`--spoken`, it plays the situations on the virtual stage, which takes seconds and writes the same
files every time. With `--spoken`, it also plays whole calls over sockets, which takes two minutes;
their times vary a little.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ringdown.calls import CallQuery
from ringdown.calls.flights import unpack
from ringdown.stores import open_store
from stream_handler.record.flight_record import Flight, read_flight
from stream_handler.words import words_for
from tests.stream_handler.call.stage import WORDS
from tests.stream_handler.calls.recording import FOLDER, record, write
from tests.stream_handler.calls.situations import SITUATIONS

_END_TO_END = Path(__file__).parents[2] / "end_to_end"
_DEFAULT = "+14155550100"
SPOKEN: Mapping[str, Mapping[str, tuple[str, int]]] = {
    "test_small_things.py::test_the_small_things_of_a_call": {
        "spoken_pressed_zero": ("+14155550110", 1),
        "spoken_pin": ("+14155550112", 1),
        "spoken_silent_caller": ("+14155550114", 1),
        "spoken_transferred": ("+14155550115", 1),
        "spoken_transferred_and_back": ("+14155550116", 2),
        "spoken_interrupted_transfer": ("+14155550120", 1),
    },
    "test_small_things.py::test_callers_who_change_their_mind": {
        "spoken_goodbye_taken_back": ("+14155550133", 1),
        "spoken_nudge_answered": ("+14155550130", 1),
    },
    "test_tools_in_calls.py::test_tools_in_calls": {
        "spoken_slow_tool_interrupted": ("+14155550141", 1),
        "spoken_phrase_for_slow_tool": ("+14155550143", 1),
        "spoken_three_tools_at_once": ("+14155550144", 1),
        "spoken_tool_fails": ("+14155550145", 1),
    },
    "test_other_language.py::test_a_call_in_german": {"spoken_german": (_DEFAULT, 1)},
    "test_model_survival.py::test_a_conversation_goes_on_over_five_sessions": {
        "spoken_five_sessions": (_DEFAULT, 1)
    },
    "test_model_survival.py::test_what_was_said_is_known_in_a_session_that_could_not_be_resumed": {
        "spoken_not_resumed": (_DEFAULT, 1)
    },
    "test_demonstration_call.py::test_the_demonstration_call_goes_as_its_scenario_says": {
        "spoken_demonstration": (_DEFAULT, 1)
    },
}
"""End-to-end tests, and the called number and attempt of each recording made from them."""


def record_situations() -> None:
    for situation in SITUATIONS:
        stage = situation()
        assert stage.closed is not None, f"{situation.__name__} doesn't end"
        recording = record(stage.call, stage.history, WORDS, stage.happened)
        write(recording, FOLDER / f"{situation.__name__}.jsonl")


def record_spoken_calls() -> None:
    for test, wanted in SPOKEN.items():
        with tempfile.TemporaryDirectory() as folder:
            command = (sys.executable, "-m", "pytest", "-n0", "-q", f"--basetemp={folder}/test")
            subprocess.run((*command, str(_END_TO_END / test)), check=True)
            flights = asyncio.run(_flights_below(Path(folder)))
        for name, of in wanted.items():
            flight = flights[of]
            head = flight.head
            words = words_for(head.call.agent.language)
            events = (happened.event for happened in flight.happened)
            recording = record(head.call, head.history, words, events, head.tool_calls)
            write(recording, FOLDER / f"{name}.jsonl")


async def _flights_below(folder: Path) -> dict[tuple[str, int], Flight]:
    """Return the flight records in a test's store, by called number and attempt."""
    (path,) = folder.rglob("*.db")  # noqa: ASYNC240 - no other task is running
    found: dict[tuple[str, int], Flight] = {}
    async with open_store(f"sqlite:{path}") as store:
        for call in await store.list_calls(CallQuery()):
            parts = await store.read_flights(call.call_sid)
            for attempt in {part.attempt for part in parts}:
                flight = read_flight(unpack(p for p in parts if p.attempt == attempt))
                found[call.called, attempt] = flight
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.stream_handler.calls")
    parser.add_argument("command", choices=["record"])
    parser.add_argument("--spoken", action="store_true", help="also record the whole calls")
    arguments = parser.parse_args()
    record_situations()
    if arguments.spoken:
        record_spoken_calls()


if __name__ == "__main__":
    main()

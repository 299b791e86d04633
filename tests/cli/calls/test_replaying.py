"""Records a real call, replays it, and turns it into a test that pytest runs."""

import asyncio
import base64
import subprocess
import sys
import zlib
from pathlib import Path

import msgspec
import pytest

from ringdown.calls.flights import FlightPart, pack, unpack
from ringdown.stores import Store
from stream_handler.call.events import TranscriptReceived
from stream_handler.record.flight_record import read_flight
from tests.cli.calls.stored_calls import good_call, sid
from tests.cli.command_line import CommandLine
from tests.stream_handler.handler import call_sid
from tests.stream_handler.record.recorded_call import SAID, record_a_call

ROOT = Path(__file__).parents[3]


@pytest.fixture
def recorded(tmp_path: Path) -> CommandLine:
    """Commands on the store of a handler that has carried a call."""
    return CommandLine(tmp_path, store_url=asyncio.run(record_a_call(tmp_path)))


def test_a_call_becomes_a_test_without_names_and_words(recorded: CommandLine) -> None:
    path = recorded.folder / "tests" / "test_complaint.py"

    ran = recorded.run("calls", "replay", "last", "--test", str(path))

    assert (ran.status, ran.complained) == (0, "")
    assert f"{call_sid(1)}, stream 1:" in ran.said
    assert f"agent   “{SAID}" in ran.said
    assert (
        "model   calls no_such_tool\n                       → SendToolResponse f1 error" in ran.said
    )
    assert "Replay matches: today's code makes the same decisions." in ran.said
    source = path.read_text()
    assert '"CloseStream hang_up"' in source
    words = ["Lovelace", "123456", call_sid(1)]
    assert [word for word in words if word in source or word in kept(source)] == []
    other = path.with_name("test_other.py")
    other.write_text(source.replace('"ClearPlayback"', '"PlayTone"'))
    assert pytest_says(path, other) == ".F", "not: it holds, and would not hold of another core"


def kept(source: str) -> str:
    """The record inside a test, as text."""
    names: dict[str, str] = {}
    exec(source, names)  # noqa: S102 - the command just wrote it
    body = base64.b64decode(names["FLIGHT"])
    return str(read_flight(unpack([FlightPart(attempt=1, part=1, of=1, body=body)])))


def pytest_says(*paths: Path) -> str:
    """Run the tests. Returns a dot for each that passed, and an F for each that failed."""
    config = str(ROOT / "pyproject.toml")
    argv = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-c", config, *map(str, paths)]
    run = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    return run.stdout.partition(" ")[0]


def test_a_test_is_never_overwritten(recorded: CommandLine) -> None:
    path = recorded.folder / "test_mine.py"
    path.write_text("mine")
    ran = recorded.run("calls", "replay", "last", "--test", str(path))
    assert ran.status == 1
    assert ran.complained == f"{path} already exists. Name another file, or remove it.\n"
    assert path.read_text() == "mine"
    wrong = recorded.run("calls", "replay", "last", "--test", str(recorded.folder / "mine.py"))
    assert "isn't a test's name. Call it test_….py." in wrong.complained


def test_a_core_that_decides_otherwise_is_told(recorded: CommandLine) -> None:
    async def change(store: Store) -> None:
        parts = await store.read_flights(call_sid(1))
        record = msgspec.msgpack.decode(unpack(parts))
        entries = [zlib.decompress(packed) for packed in record["entries"]]
        changed = [e.replace(b"ClearPlayback", b"NearPlayback!") for e in entries]
        record["entries"] = [zlib.compress(entry) for entry in changed]
        await store.keep_flight(call_sid(1), pack(1, msgspec.msgpack.encode(record)))

    recorded.with_store(change)
    ran = recorded.run("calls", "replay", "last")
    assert "Replay differs: today's code decides differently 1×:" in ran.said
    assert "then: NearPlayback!" in ran.said
    assert "now:  ClearPlayback" in ran.said


def test_a_call_without_a_record_is_told(command_line: CommandLine) -> None:
    good_call(command_line, 1)
    ran = command_line.run("calls", "replay", "last")
    assert ran.status == 1
    assert ran.complained.startswith(f"{sid(1)} has no flight record. One is written when")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"no zlib", "incorrect header"),
        (pack(1, b"\x02\0\0\0\x81\xa0\x00")[0].body, "it was made by an older version"),
        (pack(1, b"\x01\x02")[0].body, "Expected"),
    ],
)
def test_a_damaged_record_is_told(command_line: CommandLine, body: bytes, why: str) -> None:
    good_call(command_line, 1)

    async def damage(store: Store) -> None:
        await store.keep_flight(sid(1), (FlightPart(attempt=1, part=1, of=1, body=body),))

    command_line.with_store(damage)
    ran = command_line.run("calls", "replay", "last")
    assert ran.status == 1
    assert "Can't read the flight record of attempt 1" in ran.complained
    assert why in ran.complained


def test_what_was_said_comes_back_word_for_word(recorded: CommandLine) -> None:
    async def read(store: Store) -> list[str]:
        flight = read_flight(unpack(await store.read_flights(call_sid(1))))
        events = (happened.event for happened in flight.happened)
        return [event.text for event in events if isinstance(event, TranscriptReceived)]

    assert recorded.with_store(read) == [SAID] * 5

"""A recorded call on the command line: as a file, on its page, and erased."""

import base64
import wave
import zlib
from pathlib import Path

import msgspec
import pytest

from ringdown.calls.recordings import RecordingPart
from ringdown.stores import Store
from ringdown.stores.recordings import RecordingPlace
from ringdown_cli.store_choice import recordings_of
from tests.cli.calls.stored_calls import good_call, sid
from tests.cli.command_line import CommandLine
from tests.ringdown.samples import CALLER, an_agent

SECONDS = 3
RECORDED = msgspec.structs.replace(an_agent(notice="This call is recorded."), record=True)


@pytest.fixture
def recorded(command_line: CommandLine) -> CommandLine:
    call_sid = good_call(command_line, 1, agent=RECORDED)
    good_call(command_line, 2)

    async def record(store: Store) -> None:
        assert store.recordings is not None
        for number in range(1, SECONDS + 1):
            caller, agent = bytes([number]) * 8_000, bytes([128 + number]) * 8_000
            part = RecordingPart(1, number, 1_000 * number, caller, agent)
            await store.recordings.keep_part(call_sid, part)

    command_line.with_store(record)
    return command_line


def test_the_sound_of_a_call_is_written_to_a_file(recorded: CommandLine) -> None:
    file = recorded.folder / "here" / "call.wav"
    ran = recorded.run("calls", "recording", sid(1), "--out", str(file))
    assert (
        ran.said == f"Wrote {file}: 3 s, with the caller on the left and the agent on the right.\n"
    )
    with wave.open(str(file)) as wav:
        assert (wav.getframerate(), wav.getnchannels()) == (8_000, 2)
        assert wav.getnframes() == 8_000 * SECONDS


def test_without_a_name_it_is_beside_the_pages(recorded: CommandLine) -> None:
    recorded.run("calls", "recording", sid(1))
    assert (recorded.folder / "out" / "calls" / f"{sid(1)}.wav").exists()


def test_a_call_that_was_not_recorded_says_so(recorded: CommandLine) -> None:
    ran = recorded.run("calls", "recording", sid(2))
    assert ran.status == 1
    assert "has no recording" in ran.complained
    assert "record: true" in ran.complained


def test_a_file_that_cannot_be_written_is_told(recorded: CommandLine) -> None:
    (recorded.folder / "here").write_text("in the way", "utf-8")
    ran = recorded.run("calls", "recording", sid(1), "--out", str(recorded.folder / "here" / "x"))
    assert (ran.status, "Can't write" in ran.complained) == (1, True)


def test_the_page_of_a_call_holds_its_sound(recorded: CommandLine) -> None:
    recorded.run("calls", "show", sid(1))
    page = (recorded.folder / "out" / "calls" / f"{sid(1)}.html").read_text("utf-8")
    packed = page.partition('<audio data-packed="')[2].partition('"')[0]
    assert zlib.decompress(base64.b64decode(packed))[:4] == b"RIFF"
    recorded.run("calls", "show", sid(2))
    assert "<audio" not in (recorded.folder / "out" / "calls" / f"{sid(2)}.html").read_text("utf-8")


def test_a_recording_that_cannot_be_read_keeps_no_record_from_being_shown(
    recorded: CommandLine,
) -> None:
    recorded.environ |= {
        "RECORDINGS": "gs://nowhere-recordings",
        "STORAGE_EMULATOR_HOST": "http://127.0.0.1:1",
    }
    ran = recorded.run("calls", "show", sid(1))
    assert ran.status == 0
    assert "Can't read the recording: the bucket nowhere-recordings: " in ran.complained
    assert "When do you open?" in ran.said


def test_forgetting_erases_the_sound(recorded: CommandLine) -> None:
    sounds = Path(f"{recorded.store_url.removeprefix('sqlite:')}.recordings")
    assert len(list(sounds.rglob("*.wav"))) == SECONDS
    ran = recorded.run("callers", "forget", CALLER, "--yes")
    assert ", 1 recording." in ran.said.splitlines()[0]
    assert list(sounds.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "environ", "place"),
    [
        ("sqlite:x.db", {}, None),
        ("sqlite:x.db", {"RECORDINGS": "here"}, RecordingPlace("here")),
        ("firestore:shop/ringdown", {}, RecordingPlace("gs://shop-ringdown-recordings")),
        ("firestore:shop", {}, None),
        (
            "firestore:shop/ringdown",
            {"FIRESTORE_EMULATOR_HOST": "127.0.0.1:1"},
            RecordingPlace("out/recordings"),
        ),
        (
            "firestore:shop/ringdown",
            {"RECORDINGS": "gs://mine", "STORAGE_EMULATOR_HOST": "http://x"},
            RecordingPlace("gs://mine", "http://x"),
        ),
    ],
)
def test_recordings_are_where_their_store_is(
    url: str, environ: dict[str, str], place: RecordingPlace | None
) -> None:
    assert recordings_of(url, environ, Path("out")) == place

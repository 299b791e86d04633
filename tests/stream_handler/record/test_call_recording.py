"""A stream's recording: when each sound is placed, and what happens if the store fails."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ringdown.audio.telephone import Upsampler, decode_mulaw, encode_mulaw
from ringdown.calls import CallChanges
from ringdown.calls.recordings import KeptPart, RecordingPart
from ringdown.errors import StoreUnavailable
from stream_handler.call.actions import Action, ClearPlayback, CloseStream, PlayAudio, PlayTone
from stream_handler.call.events import CallerAudio, StreamStarted, TimerFired
from stream_handler.call.timers import Timer
from stream_handler.record.call_recording import (
    FINISH_WITHIN_S,
    KEY_MS,
    PART_MS,
    CallRecording,
    Tracks,
    start_recording,
)
from stream_handler.tones import waiting_tone
from tests.jumping_loop import jumping_loop, virtual_time
from tests.ringdown.samples import a_call, an_agent

QUIET, LOUD = -90.0, -20.0
HUSH = bytes(640)
RECORDED = msgspec.structs.replace(an_agent(notice="This call is recorded."), record=True)


def voice(frames: int, seed: int = 1) -> list[bytes]:
    """Return µ-law frames of a voice."""
    at = np.arange(frames * 160)
    wave = 9_000 * np.sin(at * 0.31 + seed) * (0.6 + 0.4 * np.sin(at * 0.003))
    sound = encode_mulaw(wave.astype(np.int16))
    return [sound[n : n + 160] for n in range(0, len(sound), 160)]


def frame(value: int) -> bytes:
    """Return a frame of PCM16 at 16 kHz in which every sample is the same µ-law code."""
    return np.full(320, decode_mulaw(bytes([value]))[0], "<i2").tobytes()


# The tracks


def test_the_caller_is_silent_around_a_key() -> None:
    tracks = Tracks(0.0)
    for n in range(200):
        if n == 100:
            tracks.key_pressed(2_000.0)
        tracks.caller_said(frame(1), LOUD, 20.0 * (n + 1))
    _, before, _ = tracks.cut(2_500.0)
    _, after, _ = tracks.cut(4_000.0, last=True)
    silent_ms = [n / 8 for n, sample in enumerate(before + after) if sample == 0xFF]
    assert (silent_ms[0], len(silent_ms)) == (2_000 - KEY_MS, 8 * 2 * KEY_MS - 160)


def test_a_part_never_ends_where_a_key_may_yet_silence_it() -> None:
    tracks = Tracks(0.0)
    for n in range(400):
        tracks.caller_said(frame(1), LOUD, 20.0 * (n + 1))
    _, before, _ = tracks.cut(8_000.0)
    tracks.key_pressed(8_001.0)
    _, after, _ = tracks.cut(8_020.0, last=True)
    assert before == bytes([1]) * 8 * (8_000 - KEY_MS)
    assert set(after[8:]) == {0xFF}


def test_the_callers_own_samples_come_back() -> None:
    up, tracks, said = Upsampler(), Tracks(0.0), voice(100)
    for n, mulaw in enumerate(said):
        tracks.caller_said(up.convert(mulaw), up.level_dbfs, 20.0 * (n + 1))
    _, caller, _ = tracks.cut(2_000.0, last=True)
    kept, true = decode_mulaw(caller).astype(float), decode_mulaw(b"".join(said)).astype(float)
    lag = max(range(20), key=lambda n: float(kept[n:8_000] @ true[: 8_000 - n]))
    assert lag in (9, 10), "the filter should delay by 1.2 ms"
    alike = np.corrcoef(kept[lag:8_000], true[: 8_000 - lag])[0, 1]
    assert alike > 0.999


def test_frames_follow_each_other_however_unevenly_they_come() -> None:
    tracks = Tracks(0.0)
    jitter = random.Random(3)  # noqa: S311 - the same on every run
    for n in range(100):
        tracks.caller_said(frame(n), LOUD, 20.0 * (n + 1) + jitter.uniform(0, 60) * (n > 0))
    _, caller, _ = tracks.cut(2_000.0, last=True)
    sounding = caller.lstrip(b"\xff")
    assert sounding == b"".join(bytes([n]) * 160 for n in range(100))[: len(sounding)]


def test_what_a_carrier_leaves_out_is_silence() -> None:
    tracks = Tracks(0.0)
    tracks.caller_said(frame(1), LOUD, 20.0)
    tracks.caller_said(frame(2), LOUD, 1_020.0)
    _, caller, _ = tracks.cut(1_020.0, last=True)
    assert caller == bytes([1]) * 160 + b"\xff" * 7_840 + bytes([2]) * 160


def test_sound_that_comes_after_silence_was_filled_in_is_in_step_again_after_a_pause() -> None:
    """After 200 ms without frames, the bridge fills in silence; then they arrive in a burst."""
    tracks = Tracks(0.0)
    for n in range(10):
        tracks.caller_said(frame(1), LOUD, 20.0 * (n + 1))
    for _ in range(20):
        tracks.caller_said(HUSH, QUIET, 600.0)  # filled in by the bridge
    for _ in range(20):
        tracks.caller_said(frame(2), LOUD, 600.0)  # the burst
    for n in range(60):
        tracks.caller_said(HUSH, QUIET, 620.0 + 20.0 * n)
    tracks.caller_said(frame(3), LOUD, 1_820.0)
    _, caller, _ = tracks.cut(1_900.0, last=True)
    assert caller.count(bytes([2])) == 20 * 160, "some of the caller's words are missing"
    assert caller.index(bytes([3])) / 8 == pytest.approx(1_800, abs=40)


def test_the_agent_is_heard_when_all_before_it_has_been() -> None:
    tracks = Tracks(1_000.0)
    tracks.agent_says(b"a" * 1_600, 1_100.0)
    tracks.agent_says(b"b" * 800, 1_110.0)
    tracks.agent_says(b"c" * 80, 1_500.0)
    begins_ms, _, agent = tracks.cut(1_600.0, last=True)
    assert begins_ms == 1_000
    assert agent == b"\xff" * 800 + b"a" * 1_600 + b"b" * 800 + b"\xff" * 800 + b"c" * 80 + (
        b"\xff" * 720
    )


def test_what_is_cleared_was_not_heard() -> None:
    tracks = Tracks(0.0)
    tracks.agent_says(b"a" * 1_600, 0.0)
    tracks.agent_says(b"b" * 1_600, 0.0)
    tracks.agent_says(b"c" * 1_600, 0.0)
    tracks.agent_stops(250.0)
    tracks.agent_says(b"d" * 80, 250.0)
    _, _, agent = tracks.cut(700.0, last=True)
    assert agent == (b"a" * 1_600 + b"b" * 400 + b"d" * 80).ljust(5_600, b"\xff")


Said = tuple[str, float, int]


def played(story: Sequence[Said], cuts: Sequence[float]) -> bytes:
    """Compute what the caller hears of a story, in the simplest way there is."""
    heard = bytearray(b"\xff" * 80_000)
    ends = 0
    for n, (kind, at_ms, length) in enumerate(story):
        now = round(at_ms * 8)
        if kind == "clear":
            heard[now:] = b"\xff" * (len(heard) - now)
            ends = min(ends, now)
            continue
        starts = max(ends, now)
        heard[starts : starts + length] = bytes([n]) * len(heard[starts : starts + length])
        ends = starts + length
    return bytes(heard[:64_000])


def kept(story: Sequence[Said], cuts: Sequence[float], *, forgets_to_clear: bool = False) -> bytes:
    tracks, sound = Tracks(0.0), b""
    todo: list[tuple[float, int, Said | None]] = [(at_ms, 0, None) for at_ms in cuts]
    todo += [(said[1], n + 1, said) for n, said in enumerate(story)]
    for at_ms, n, said in sorted(todo, key=lambda each: each[:2]):
        if said is None:
            sound += tracks.cut(at_ms)[2]  # the rest waits for the next part
        elif said[0] == "play":
            tracks.agent_says(bytes([n - 1]) * said[2], at_ms)
        elif not forgets_to_clear:
            tracks.agent_stops(at_ms)
    return sound + tracks.cut(8_000.0, last=True)[2]


STORIES = st.lists(
    st.tuples(
        st.sampled_from(["play", "play", "clear"]),
        st.integers(0, 7_000).map(float),
        st.integers(1, 16_000),
    ),
    max_size=20,
).map(lambda story: sorted(story, key=lambda said: said[1]))
CUTS = st.lists(st.integers(1, 7_900).map(float), max_size=6).map(sorted)


@settings(max_examples=300, deadline=None)
@given(STORIES, CUTS)
def test_wherever_parts_end_they_join_to_what_was_heard(
    story: list[Said], cuts: list[float]
) -> None:
    assert kept(story, cuts) == played(story, cuts)


def test_a_recording_of_what_was_never_heard_would_be_found() -> None:
    """Make sure that the test above can fail."""
    story = [("play", 0.0, 8_000), ("clear", 500.0, 1)]
    assert kept(story, []) == played(story, [])
    assert kept(story, [], forgets_to_clear=True) != played(story, [])


# The observer


@dataclass(slots=True)
class Shelf:
    """A recording store that can be slow or fail."""

    parts: list[RecordingPart] = field(default_factory=list)
    late_s: float = 0.0
    fails: bool = False

    async def keep_part(self, call_sid: str, part: RecordingPart) -> None:
        await asyncio.sleep(self.late_s)
        if self.fails:
            raise StoreUnavailable("the shelf broke")
        self.parts.append(part)

    async def list_parts(self, call_sid: str) -> tuple[KeptPart, ...]:
        return tuple(part.kept for part in self.parts)

    async def read_part(self, call_sid: str, part: KeptPart) -> bytes:
        return b""

    async def erase_recording(self, call_sid: str) -> bool:
        return False

    async def close(self) -> None:
        pass


@dataclass(slots=True)
class Stage:
    shelf: Shelf = field(default_factory=Shelf)
    noted: list[CallChanges] = field(default_factory=list)
    recording: CallRecording = field(init=False)

    def __post_init__(self) -> None:
        call = msgspec.structs.replace(a_call(agent=RECORDED), attempt=3)
        recording = start_recording(call, self.shelf, self.noted.append)
        assert recording is not None
        self.recording = recording
        self.recording.on_event(StreamStarted(0.0), ())

    async def talk(self, from_s: float, to_s: float) -> None:
        """Send the caller's frames from `from_s` to `to_s`, one every 20 ms."""
        for n in range(round(from_s * 50), round(to_s * 50)):
            self.recording.on_event(CallerAudio(20.0 * (n + 1), frame(5), LOUD), ())
            await asyncio.sleep(0.02)

    def close(self, at_ms: float, *actions: Action) -> None:
        event = TimerFired(at_ms, Timer.FINAL_SAVE)
        self.recording.on_event(event, (*actions, CloseStream(None)))
        self.recording.stop()

    @property
    def problem(self) -> str | None:
        return self.noted[-1].recording_problem if self.noted else None


@virtual_time
async def test_parts_are_written_while_the_call_goes_on() -> None:
    stage = Stage()
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.recording.run())
        await stage.talk(0, 20)
        assert [part.kept.offset_ms for part in stage.shelf.parts] == [0, PART_MS]
        assert {len(part.caller) for part in stage.shelf.parts} == {8 * PART_MS}
        stage.close(20_000.0)
    assert [(part.attempt, part.number) for part in stage.shelf.parts] == [(3, 1), (3, 2), (3, 3)]
    whole = b"".join(part.caller for part in stage.shelf.parts)
    assert whole == bytes([5]) * 160_000
    assert stage.noted == []


@virtual_time
async def test_tones_and_what_is_dropped_at_the_end_are_as_they_were_heard() -> None:
    stage = Stage()
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.recording.run())
        stage.recording.on_event(TimerFired(100.0, Timer.WAITING), (PlayTone(),))
        stage.recording.on_event(TimerFired(900.0, Timer.WAITING), (PlayAudio(b"a" * 8_000),))
        stage.recording.on_event(TimerFired(950.0, Timer.WAITING), (ClearPlayback(),))
        stage.close(1_000.0, PlayAudio(b"b" * 8_000))
    (part,) = stage.shelf.parts
    assert part.agent[800 : 800 + len(waiting_tone())] == waiting_tone()
    assert part.agent[7_200:] == b"a" * 400 + b"\xff" * 400


@virtual_time
async def test_a_store_that_fails_loses_parts_and_the_record_says_so() -> None:
    stage = Stage()
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.recording.run())
        stage.shelf.fails = True
        await stage.talk(0, 9)
        stage.shelf.fails = False
        await stage.talk(9, 17)
        stage.close(17_000.0)
    assert [part.kept.offset_ms for part in stage.shelf.parts] == [PART_MS, 2 * PART_MS]
    assert stage.problem == "7 s of audio is missing: the shelf broke"


@virtual_time
async def test_a_store_that_stands_still_holds_up_nothing_and_keeps_little_in_memory() -> None:
    stage = Stage(Shelf(late_s=10_000.0))
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(stage.recording.run())
        for n in range(100 * 50):
            stage.recording.on_event(CallerAudio(20.0 * (n + 1), frame(5), LOUD), ())
        before_s = jumping_loop().time()
        stage.close(100_000.0)
        await writing
        assert jumping_loop().time() - before_s <= FINISH_WITHIN_S + 0.1
    assert stage.shelf.parts == []
    assert stage.problem is not None
    assert stage.problem.startswith("100 s of audio is missing: ")


@virtual_time
async def test_a_process_that_must_stop_does_not_wait() -> None:
    stage = Stage(Shelf(late_s=10_000.0))
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(stage.recording.run())
        await stage.talk(0, 9)
        stage.recording.give_up()
        before_s = jumping_loop().time()
        await writing
        assert jumping_loop().time() - before_s < 0.1


@virtual_time
async def test_a_store_that_is_slow_to_give_up_harms_no_call() -> None:
    """The stream ends just as a write times out."""

    class Slow(Shelf):
        async def keep_part(self, call_sid: str, part: RecordingPart) -> None:
            try:
                await asyncio.sleep(10_000.0)
            finally:
                await asyncio.sleep(1.0)

    stage = Stage(Slow())
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.recording.run())
        await stage.talk(0, PART_MS / 500 + 1)
        stage.close(PART_MS * 2 + 1_000.0)
    assert stage.problem is not None


@virtual_time
async def test_what_the_attempt_before_has_lost_is_still_told() -> None:
    before = "8 s of audio is missing: the shelf fell"
    noted: list[CallChanges] = []
    call = msgspec.structs.replace(a_call(agent=RECORDED), recording_problem=before)
    recording = start_recording(call, Shelf(), noted.append)
    assert recording is not None
    recording.stop()
    assert noted[-1].recording_problem == (
        f"{before}; the recorder failed; see the stream handler's log"
    )


@virtual_time
async def test_what_breaks_the_store_harms_no_call() -> None:
    class Broken(Shelf):
        async def keep_part(self, call_sid: str, part: RecordingPart) -> None:
            raise ZeroDivisionError

    stage = Stage(Broken())
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.recording.run())
        await stage.talk(0, 9)
        stage.close(9_000.0)
    assert stage.problem is not None
    assert stage.problem.startswith("9 s of audio is missing: an error; see the stream handler")


@virtual_time
async def test_a_recorder_that_failed_and_does_not_know_of_the_end_is_told() -> None:
    stage = Stage()
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.recording.run())
        stage.recording.stop()
    assert stage.problem == "the recorder failed; see the stream handler's log"


@virtual_time
async def test_only_an_agent_that_wants_it_and_says_so_is_recorded() -> None:
    noted: list[CallChanges] = []
    silent = msgspec.structs.replace(RECORDED, notice="This call is transcribed.")
    assert start_recording(a_call(agent=an_agent()), Shelf(), noted.append) is None
    assert noted == []
    assert start_recording(a_call(agent=silent), Shelf(), noted.append) is None
    assert start_recording(a_call(agent=RECORDED), None, noted.append) is None
    assert [each.recording_problem for each in noted] == [
        "the notice doesn't say that the call is recorded",
        "the stream handler's RECORDINGS isn't set",
    ]

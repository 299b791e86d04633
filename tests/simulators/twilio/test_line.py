"""The line keeps in step with the clock."""

import asyncio
from collections.abc import Callable

import pytest

from simulators.twilio.clock import now_ms
from simulators.twilio.events import EventLog, SpeechStarted, SpeechStopped, When
from simulators.twilio.line import Line, LineClosed, run_line
from simulators.twilio.microphone import Microphone
from simulators.twilio.playout import PlayoutBuffer
from simulators.twilio.stream_messages import FRAME_BYTES, SILENT_FRAME
from tests.jumping_loop import jumping_loop

A, B = (bytes([n]) * FRAME_BYTES for n in (1, 2))


class Listener:
    """Keeps what it hears and when; `on_frame` may interfere."""

    def __init__(self, on_frame: Callable[[int], None]) -> None:
        self.times_ms: list[int] = []
        self.frames: list[bytes | None] = []
        self._began_ms = round(now_ms())
        self.most_late_ms = 0.0
        self._on_frame = on_frame

    def hear(self, frame: bytes | None) -> None:
        self.times_ms.append(round(now_ms()) - self._began_ms)
        self.frames.append(frame)
        self._on_frame(len(self.frames))

    def played(self, frame: bytes, marks: tuple[str, ...]) -> None:
        pass


def silent_log() -> EventLog:
    return EventLog(lambda: When(0, 0))


async def run(frames: int, on_frame: Callable[[int], None]) -> Listener:
    line, log = Line(Microphone()), silent_log()

    def heard(count: int) -> None:
        on_frame(count)
        if count == frames:
            line.close(log)

    listener = Listener(heard)
    line.answer()
    line.connect(PlayoutBuffer(), listener)
    await run_line(line, log)
    listener.most_late_ms = line.most_late_ms
    return listener


async def test_frames_come_every_20_ms_of_an_absolute_clock() -> None:
    listener = await run(100, lambda count: None)
    assert listener.times_ms == [n * 20 for n in range(100)]


async def test_work_between_the_ticks_does_not_make_the_clock_drift() -> None:
    def work(count: int) -> None:
        jumping_loop().stall(0.007)

    listener = await run(100, work)
    assert max(at - n * 20 for n, at in enumerate(listener.times_ms)) < 20


async def test_a_stall_is_caught_up_in_small_bursts_and_loses_nothing() -> None:
    def stall(count: int) -> None:
        jumping_loop().stall(0.4 if count == 10 else 0)

    listener = await run(100, stall)
    assert len(listener.frames) == 100
    assert listener.times_ms[60:] == [n * 20 for n in range(60, 100)], (
        "the line must be back in step"
    )
    bursts = [listener.times_ms.count(at) for at in set(listener.times_ms)]
    assert max(bursts) <= 6, "at most five frames together, plus the late one"
    assert round(listener.most_late_ms) == 380, "the frame after the stall was due 20 ms into it"


async def test_both_tracks_of_the_recording_are_in_step() -> None:
    line, log, playout = Line(Microphone()), silent_log(), PlayoutBuffer()
    line.tick(log)
    line.answer()
    line.connect(playout, Listener(lambda count: None))
    playout.append(A)
    line.tick(log)
    line.microphone.say("b", B)
    line.tick(log)
    assert line.recording.duration_ms == 40, "ringing must not be recorded"
    assert len(line.recording.agent) == len(line.recording.caller) == 320
    assert line.recording.agent[:160].any()
    assert not line.recording.caller[:160].any()
    assert not line.recording.agent[160:].any()
    assert line.recording.caller[160:].any()


def test_a_sentence_knows_its_place_in_the_recording() -> None:
    line, log = Line(Microphone()), silent_log()
    line.answer()
    line.tick(log)
    first = line.microphone.say("first", A + B)
    second = line.microphone.say("second", A[:80])
    for _ in range(5):
        line.tick(log)
    assert (first.start_ms, first.end_ms) == (20, 60)
    assert (second.start_ms, second.end_ms) == (60, 70)
    kinds = [type(event) for event in log.events]
    assert kinds == [SpeechStarted, SpeechStopped, SpeechStarted, SpeechStopped]


def test_hushing_cuts_what_is_said_and_forgets_what_was_queued() -> None:
    microphone = Microphone()
    first, second = microphone.say("first", A * 10), microphone.say("second", B)
    microphone.next_frame(0)
    microphone.hush(20)
    assert (first.end_ms, first.cut) == (20, True)
    assert (second.start_ms, second.cut) == (None, True)
    assert microphone.next_frame(20) is SILENT_FRAME


async def test_waiting_counts_ticks_and_ends_with_the_line() -> None:
    line, log = Line(Microphone()), silent_log()
    async with asyncio.TaskGroup() as tasks:
        timed_out = tasks.create_task(line.until(lambda: False, 0.1))
        came_true = tasks.create_task(line.until(lambda: line.ticks == 3, 0.1))
        await asyncio.sleep(0)
        for _ in range(5):
            line.tick(log)
    assert (timed_out.result(), came_true.result()) == (False, True)
    waiting = asyncio.ensure_future(line.until(lambda: False, 10))
    await asyncio.sleep(0)
    line.close(log)
    with pytest.raises(LineClosed):
        await waiting
    with pytest.raises(LineClosed):
        await line.until(lambda: False, 10)

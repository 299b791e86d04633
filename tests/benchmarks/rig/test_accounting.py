"""Planted delay and loss are measured, and bursts that may be missing aren't counted."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from benchmarks.rig.accounting import (
    BargeIn,
    BurstLog,
    CallLog,
    Window,
    barge_ins_ms,
    bursts_lost,
    clears_missed,
    delay,
    delays_ms,
    first_audio_ms,
    lost_ms,
)
from benchmarks.rig.marks import BurstDetector, Heard, marked_pieces
from simulators.speech.pcm import Pcm

RATE_HZ = 8_000
FRAME_S = 0.020
SECONDS = 16
LOOP = marked_pieces(RATE_HZ, 20, seed=1)


@dataclass(frozen=True, slots=True)
class Message:
    """A frame, and when it arrives."""

    pcm: Pcm
    at_s: float


Damage = Callable[[Iterable[Message]], Iterator[Message]]


def stream(damage: Damage) -> BurstLog:
    """Send 16 s of frames through `damage`; the log has when each burst was sent and heard."""
    log, detector = BurstLog(), BurstDetector(RATE_HZ)

    def leave() -> Iterator[Message]:
        for n in range(round(SECONDS / FRAME_S)):
            piece, at_s = LOOP[n % len(LOOP)], n * FRAME_S
            if piece.mark is not None:
                offset_s = piece.mark.offset / RATE_HZ
                log.sent(piece.mark.tone, at_s + offset_s, 1000 * (at_s + offset_s))
            yield Message(piece.pcm, at_s)

    for message in damage(leave()):
        for heard in detector.take(message.pcm, message.at_s):
            log.heard(heard, RATE_HZ)
    return log


def untouched(messages: Iterable[Message]) -> Iterator[Message]:
    yield from messages


def sixty_ms_late(messages: Iterable[Message]) -> Iterator[Message]:
    for message in messages:
        yield Message(message.pcm, message.at_s + 0.060)


def in_pairs(messages: Iterable[Message]) -> Iterator[Message]:
    """Send two frames per message, once the second has arrived."""
    held: Message | None = None
    for message in messages:
        if held is None:
            held = message
        else:
            yield Message(np.concatenate((held.pcm, message.pcm)), message.at_s)
            held = None


def without_frames(*numbers: int) -> Damage:
    def damage(messages: Iterable[Message]) -> Iterator[Message]:
        for n, message in enumerate(messages):
            if n not in numbers:
                yield message

    return damage


def silenced(*numbers: int) -> Damage:
    def damage(messages: Iterable[Message]) -> Iterator[Message]:
        for n, message in enumerate(messages):
            yield Message(np.zeros_like(message.pcm), message.at_s) if n in numbers else message

    return damage


def frame_of_burst(number: int) -> int:
    return [n for n, piece in enumerate(LOOP) if piece.mark is not None][number]


def quiet_frame_after(number: int) -> int:
    """The number of a silent frame that follows a burst."""
    return frame_of_burst(number) + 5


def test_an_untouched_stream_has_no_delay_and_no_loss() -> None:
    log = stream(untouched)

    assert delays_ms(log.bursts) == pytest.approx([0.0] * 32)
    assert (lost_ms(log.bursts), bursts_lost(log.bursts)) == (0.0, 0)


def test_a_delay_of_60_ms_is_seen() -> None:
    log = stream(sixty_ms_late)

    assert delays_ms(log.bursts) == pytest.approx([60.0] * 32)
    assert lost_ms(log.bursts) == 0.0, "late audio isn't lost"


def test_waiting_for_a_second_frame_is_seen_as_the_delay_of_its_audio() -> None:
    log = stream(in_pairs)

    assert delays_ms(log.bursts) == pytest.approx([20.0] * 32)


def test_one_lost_frame_is_seen() -> None:
    log = stream(without_frames(quiet_frame_after(3)))

    assert lost_ms(log.bursts) == pytest.approx(20.0)
    assert bursts_lost(log.bursts) == 0


def test_a_burst_that_is_silenced_is_lost() -> None:
    first = frame_of_burst(3)

    log = stream(silenced(first, first + 1, first + 2))

    assert bursts_lost(log.bursts) == 1
    assert lost_ms(log.bursts) == pytest.approx(40.0)


def test_audio_that_stops_is_lost_from_there_on() -> None:
    log = stream(without_frames(*range(400, 800)))

    assert bursts_lost(log.bursts) == 16
    assert lost_ms(log.bursts) == pytest.approx(8_000, abs=500)


def test_a_call_that_was_never_heard_is_lost_whole() -> None:
    log = stream(without_frames(*range(800)))

    assert lost_ms(log.bursts) == pytest.approx(16_000, abs=800)
    assert lost_ms([]) == 0.0


def test_bursts_outside_the_window_are_not_counted() -> None:
    log = stream(without_frames(*range(100)))

    assert len(Window(2.0, 10.0).bursts(log)) == 16
    assert lost_ms(Window(2.0, 10.0).bursts(log)) == 0.0


def test_a_burst_may_be_dropped_by_an_interruption_just_after_it_and_only_then() -> None:
    log = BurstLog()
    for n in range(4):
        log.sent(n, at_s=n * 0.5, position_ms=n * 500)

    log.interrupted(at_s=1.6)  # 0.1 s after the last burst, 0.6 s after the one before

    assert [burst.tone for burst in log.bursts] == [0, 1, 2]


def test_a_burst_that_nobody_sent_is_not_heard() -> None:
    log = BurstLog()
    log.sent(2, at_s=1.0, position_ms=1_000)

    log.heard(Heard(tone=5, at_s=1.1, position=8_000), RATE_HZ)

    assert delays_ms(log.bursts) == []


def test_barge_ins_are_timed_by_their_clear_and_missing_clears_are_counted() -> None:
    call = CallLog()
    call.cleared(0.5)  # belongs to no interruption
    call.barge_ins.append(BargeIn(1.0))
    call.cleared(1.004)
    call.cleared(1.006)
    call.barge_ins.append(BargeIn(2.0))
    call.barge_ins.append(BargeIn(30.0))

    window = Window(0.0, 10.0)

    assert barge_ins_ms([call], window) == pytest.approx([4.0])
    assert clears_missed([call], window) == 1


def test_first_audio_is_without_the_models_own_time() -> None:
    call = CallLog(started_s=10.0, asked_s=10.008)
    call.down.sent(0, at_s=11.0, position_ms=0.0)  # the model thought for a second
    assert first_audio_ms(call) is None

    call.down.heard(Heard(0, at_s=11.003, position=0), RATE_HZ)

    assert first_audio_ms(call) == pytest.approx(11.0)


def test_percentiles() -> None:
    measured = delay(range(101))

    assert (measured.p50_ms, measured.p99_ms, measured.count) == (50.0, 99.0, 101)
    assert delay([]).p50_ms is None

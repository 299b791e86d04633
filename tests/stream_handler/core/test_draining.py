"""A call that cannot stay is handed over between two turns, and nobody is cut off."""

import pytest

from ringdown.calls import EndReason, Speaker
from stream_handler.core.actions import CloseStream
from stream_handler.core.deadlines import Timer
from stream_handler.core.events import DrainRequested
from tests.ringdown.samples import a_turn
from tests.stream_handler.core.stage import QUIET_DBFS, Stage

WITHIN_MS = 8_000.0


def drain(stage: Stage, within_ms: float = WITHIN_MS) -> None:
    stage.handle(DrainRequested(stage.now_ms, within_ms))


def test_between_two_turns_the_call_is_handed_over_at_once() -> None:
    stage = Stage().greeted()

    drain(stage)

    assert stage.ended_for() is EndReason.HANDLER_STOPPED
    assert stage.final_save is not None
    changes = stage.final_save.changes
    assert (changes.next, changes.status) == (None, None), "the call must stay open"
    assert stage.saved() == (CloseStream(None),)


def test_before_anything_was_said_it_is_handed_over_at_once() -> None:
    stage = Stage().begun()

    drain(stage)

    assert stage.ended_for() is EndReason.HANDLER_STOPPED


def test_a_reply_that_ends_in_time_is_heard_to_its_end() -> None:
    stage = Stage().greeted()
    stage.caller_says("What do you sell?")
    stage.reply("Bread, and cake.", 7_000)

    drain(stage)
    stage.pass_ms(6_800)
    assert stage.ended_for() is None
    stage.pass_ms(400)

    assert stage.ended_for() is EndReason.HANDLER_STOPPED
    assert stage.played_ms() >= 7_000
    assert not stage.record.by(Speaker.AGENT)[-1].interrupted


def test_a_longer_reply_is_cut_and_the_record_has_what_was_heard() -> None:
    stage = Stage().greeted()
    stage.caller_says("What do you sell?")
    stage.reply(" ".join(f"word{n}" for n in range(100)), 20_000)

    drain(stage)
    stage.pass_ms(WITHIN_MS + 50)

    assert stage.ended_for() is EndReason.HANDLER_STOPPED
    cut = stage.record.by(Speaker.AGENT)[-1]
    assert cut.interrupted
    assert 30 <= len(cut.text.split()) <= 50, "40 of 100 words were heard"


def test_a_caller_who_speaks_is_answered_first() -> None:
    stage = Stage().greeted()
    stage.caller(400)

    drain(stage)
    stage.caller(1_000)
    stage.caller(600, QUIET_DBFS)
    assert stage.ended_for() is None, "the caller is owed an answer"
    stage.reply("Yes.", 500)
    stage.pass_ms(800)

    assert stage.ended_for() is EndReason.HANDLER_STOPPED


def test_a_tool_that_runs_is_waited_for() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1")

    drain(stage)

    assert stage.ended_for() is None
    stage.pass_ms(WITHIN_MS)
    assert stage.ended_for() is EndReason.HANDLER_STOPPED


@pytest.mark.parametrize("within_ms", [200.0, WITHIN_MS])
def test_a_goodbye_under_way_ends_the_call(within_ms: float) -> None:
    stage = Stage().greeted()
    stage.caller_says("Bye.")
    stage.reply("Goodbye.", 500)
    stage.end_call()

    drain(stage, within_ms)
    stage.pass_ms(700)

    assert stage.ended_for() is EndReason.AGENT_HUNG_UP


def test_a_process_that_must_stop_now_does_not_wait() -> None:
    stage = Stage().greeted()
    stage.audio(1_000)
    drain(stage)
    assert stage.ended_for() is None

    drain(stage, 0)

    assert stage.ended_for() is EndReason.HANDLER_STOPPED


def test_a_stream_is_handed_over_before_the_platform_ends_it() -> None:
    stage = Stage(history=(a_turn(1),))
    stage.now_ms = 5 * 60_000.0
    stage.greeted()

    assert stage.timers[Timer.STREAM_AGE] == pytest.approx(63 * 60_000), "58 minutes of the stream"

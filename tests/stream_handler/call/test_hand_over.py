"""A call that can't stay is handed over between two turns, without cutting anyone off."""

import msgspec
import pytest

from ringdown.calls import EndReason, Speaker, Turn
from stream_handler.call.actions import CloseStream, SendModelText
from stream_handler.call.events import DrainRequested, ModelConnected, StreamStarted
from stream_handler.call.timers import LENGTH_MS, Timer
from tests.ringdown.samples import a_call, a_turn
from tests.stream_handler.call.stage import QUIET_DBFS, Stage

WITHIN_MS = 8_000.0
QUESTION = Turn(n=1, speaker=Speaker.AGENT, text="How many?", start_ms=0, end_ms=900)


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

    assert stage.timers[Timer.STREAM_AGE] == pytest.approx(63 * 60_000), "after 58 minutes"


def taken_over(last: Turn, because: EndReason = EndReason.HANDLER_STOPPED) -> Stage:
    """The next handler's stream, just started; `last` is the turn before it."""
    call = msgspec.structs.replace(a_call(attempt=2), resumed_from=because)
    stage = Stage(call, history=(last,))
    stage.handle(StreamStarted(0.0))
    return stage


def test_who_takes_it_up_between_two_turns_says_nothing_of_it() -> None:
    stage = taken_over(QUESTION)

    stage.pass_ms(100)
    stage.handle(ModelConnected(stage.now_ms))
    stage.caller_says("Two.")
    stage.reply("Two it is.", 800)
    stage.pass_ms(5_000)

    assert stage.all(SendModelText) == []
    assert stage.record.told() == [(Speaker.CALLER, "Two."), (Speaker.AGENT, "Two it is.")]


def test_what_the_caller_says_while_the_model_is_dialled_is_heard() -> None:
    stage = taken_over(QUESTION)

    stage.caller(800, value=3)
    stage.handle(ModelConnected(stage.now_ms))

    assert stage.heard_by_the_model_ms(3) == pytest.approx(800, abs=20)


def test_a_caller_who_spoke_while_no_stream_was_there_does_not_wait_in_vain() -> None:
    stage = taken_over(QUESTION)

    stage.handle(ModelConnected(stage.now_ms))
    stage.caller(LENGTH_MS[Timer.HANDED_OVER] + 100, QUIET_DBFS)

    [asked] = stage.all(SendModelText)
    assert "you are back" in asked.text
    stage.reply("I am back. How many?", 1_000)
    assert Timer.HANDED_OVER not in stage.timers


@pytest.mark.parametrize(
    ("last", "because"),
    [
        (QUESTION, EndReason.STREAM_LOST),
        (msgspec.structs.replace(QUESTION, interrupted=True), EndReason.HANDLER_STOPPED),
        (msgspec.structs.replace(QUESTION, speaker=Speaker.CALLER), EndReason.HANDLER_STOPPED),
    ],
    ids=["after a crash", "in mid-reply", "with the caller waiting"],
)
def test_who_takes_it_up_in_the_middle_of_a_turn_speaks(last: Turn, because: EndReason) -> None:
    stage = taken_over(last, because)

    stage.handle(ModelConnected(stage.now_ms))

    [asked] = stage.all(SendModelText)
    assert "The line broke" in asked.text

"""Goodbyes that are heard to the end, and callers who talk over them."""

import pytest

from ringdown.calls import EndReason, NextAction, Speaker
from stream_handler.call.actions import CloseStream, SendToolResponse
from stream_handler.call.timers import Timer
from tests.stream_handler.call.stage import QUIET_DBFS, Stage

GOODBYE_TIMERS = {Timer.GOODBYE_BEGINS, Timer.GOODBYE_ENDS, Timer.GOODBYE_ANSWERED}

LOUD_NOISE_DBFS = -10.0  # a softer one counts as background after some seconds


def ended(stage: Stage) -> bool:
    return stage.final_save is not None


def test_speak_then_call_hangs_up_when_the_goodbye_has_been_heard() -> None:
    stage = Stage().greeted()
    stage.caller_says("That is all, thanks.")
    stage.agent_text("Goodbye!")
    stage.audio(900, value=9)
    stage.end_call()
    stage.generation_completed()
    stage.turn_completed()

    stage.pass_ms(890)
    assert not ended(stage), "the goodbye was cut short"
    stage.pass_ms(20)
    assert ended(stage)
    stage.saved()

    assert stage.played_ms(9) == 900
    assert stage.closed == CloseStream(NextAction.HANG_UP)
    assert stage.record.told()[-1] == (Speaker.AGENT, "Goodbye!")
    assert not stage.record.turns[3].interrupted
    assert stage.record.end_reason is EndReason.AGENT_HUNG_UP


def test_call_then_speak_waits_for_the_goodbye() -> None:
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.end_call()
    stage.pass_ms(2_000)
    assert not ended(stage)

    stage.reply("Goodbye.", 1_500)
    stage.pass_ms(1_490)
    assert not ended(stage)
    stage.pass_ms(20)

    assert ended(stage)


def test_call_and_never_speak_hangs_up_when_patience_is_over() -> None:
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.end_call()

    stage.pass_ms(4_990)
    assert not ended(stage)
    stage.pass_ms(10)

    assert ended(stage)


def test_the_model_is_told_whether_a_goodbye_is_still_wanted() -> None:
    before, after = Stage().greeted(), Stage().greeted()
    before.caller_says("Bye.")
    before.end_call()
    after.caller_says("Bye.")
    after.reply("Goodbye.", 600)
    after.end_call()

    [asked] = before.all(SendToolResponse)
    [told] = after.all(SendToolResponse)
    assert asked.answer.output is not None
    assert "Say it now" in asked.answer.output["status"]
    assert asked.scheduling is None
    assert told.answer.output is not None
    assert "Say nothing more" in told.answer.output["status"]
    assert told.scheduling == "silent"


def test_a_bye_of_the_callers_does_not_hold_the_line_open() -> None:
    """Callers answer a goodbye; the model, which has ended the call, stays silent."""
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.reply("Goodbye!", 1_000)
    stage.end_call()

    stage.caller(400)  # "bye!", over the agent's last words
    stage.caller(800, QUIET_DBFS)

    assert ended(stage), "the line stays open though the goodbye has been heard"


def test_an_interrupted_goodbye_goes_on_as_a_conversation() -> None:
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.reply("Goodbye, and thanks for calling.", 3_000)
    stage.end_call()
    stage.caller(500)
    stage.interrupted()

    stage.caller_says("Oh, one more thing.")
    stage.reply("Of course.", 500)
    assert not GOODBYE_TIMERS & stage.timers.keys(), "a goodbye timer is still running"
    stage.pass_ms(25_000)

    assert not ended(stage)


def test_a_goodbye_after_an_interrupted_one_must_be_spoken_again() -> None:
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.reply("Goodbye.", 3_000)
    stage.end_call("end1")
    stage.caller(300)
    stage.audio(100)  # already on its way when the caller began
    stage.interrupted()
    stage.turn_completed()

    stage.end_call("end2")

    assert not ended(stage), "hung up without a word on a caller who had just spoken"
    assert Timer.GOODBYE_BEGINS in stage.timers


def test_a_goodbye_whose_end_never_comes_ends_the_call_after_20_s() -> None:
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.audio(1_000)
    stage.end_call()

    stage.pass_ms(19_990)
    assert not ended(stage)
    stage.pass_ms(10)

    assert ended(stage)


@pytest.mark.parametrize("end_call_first", [True, False])
def test_a_goodbye_never_echoed_ends_the_call_2_s_after_it_must_have_been_heard(
    end_call_first: bool,
) -> None:
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.line.echoing = False
    if end_call_first:
        stage.end_call()
    stage.audio(3_000)
    if not end_call_first:
        stage.end_call()
    stage.generation_completed()

    stage.pass_ms(4_990)
    assert not ended(stage)
    stage.pass_ms(20)

    assert ended(stage)


def test_a_second_end_call_is_answered_and_changes_nothing() -> None:
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.end_call("end1")
    timers = dict(stage.timers)

    [response, _] = stage.end_call("end2")

    assert isinstance(response, SendToolResponse)
    assert stage.timers == timers


# The caller speaks at the end of the goodbye


def goodbye_spoken_into(length_ms: int = 1_000) -> Stage:
    """The goodbye has just been heard; the caller began to speak 200 ms before its end."""
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.reply("Goodbye!", length_ms)
    stage.end_call()
    stage.pass_ms(length_ms - 200)
    stage.caller(220)
    return stage


def test_nobody_is_cut_off_while_speaking() -> None:
    stage = goodbye_spoken_into()

    stage.caller(8_000)
    assert not ended(stage)
    stage.caller(500, QUIET_DBFS)
    assert not ended(stage)


def test_a_noise_that_never_ends_holds_the_line_for_20_s() -> None:
    stage = goodbye_spoken_into()

    stage.caller(19_900, LOUD_NOISE_DBFS)
    assert not ended(stage)
    stage.caller(200, LOUD_NOISE_DBFS)

    assert ended(stage)


def test_a_word_that_the_model_does_not_take_up_ends_the_call() -> None:
    stage = goodbye_spoken_into()

    stage.caller(400, QUIET_DBFS)
    stage.pass_ms(1_490)
    assert not ended(stage)
    stage.pass_ms(20)

    assert ended(stage)
    assert stage.record.end_reason is EndReason.AGENT_HUNG_UP


def test_a_word_that_the_model_takes_up_makes_the_conversation_go_on() -> None:
    stage = goodbye_spoken_into()
    stage.caller(400, QUIET_DBFS)
    stage.pass_ms(1_000)

    stage.reply("Of course, what is it?", 1_000)
    stage.pass_ms(9_000)

    assert not ended(stage)
    assert not GOODBYE_TIMERS & stage.timers.keys()


def test_a_model_quicker_than_our_own_ear_is_heard_all_the_same() -> None:
    """It may answer before the pause is long enough for voice activity detection."""
    stage = goodbye_spoken_into()
    stage.caller(300, QUIET_DBFS)

    stage.reply("Of course, what is it?", 1_000)
    stage.caller(9_000, QUIET_DBFS)

    assert not ended(stage)


def test_the_end_of_the_models_turn_is_no_answer_to_the_caller() -> None:
    """The model ends its turn when it believes that its goodbye has been played."""
    stage = goodbye_spoken_into()
    stage.caller(400, QUIET_DBFS)

    stage.turn_completed()
    stage.pass_ms(1_400)

    assert not ended(stage), "hung up before the model could reply to the caller's last word"


def test_a_caller_who_speaks_again_is_waited_for_again() -> None:
    stage = goodbye_spoken_into()
    stage.caller(400, QUIET_DBFS)
    stage.pass_ms(1_400)

    stage.caller(600)
    assert not ended(stage)
    stage.caller(400, QUIET_DBFS)
    stage.pass_ms(1_510)

    assert ended(stage)


def test_a_second_end_call_after_the_callers_bye_does_not_wait_longer() -> None:
    stage = goodbye_spoken_into()
    stage.caller(400, QUIET_DBFS)

    stage.end_call("end2")
    stage.pass_ms(1_510)

    assert ended(stage)


def test_what_the_caller_wants_after_an_answered_goodbye_may_end_in_another() -> None:
    stage = goodbye_spoken_into()
    stage.caller(400, QUIET_DBFS)
    stage.reply("We open at nine. Goodbye!", 1_000)
    stage.end_call("end2")

    stage.pass_ms(1_010)

    assert ended(stage)


def test_a_soft_caller_hears_the_goodbye_that_follows_the_function() -> None:
    stage = Stage().greeted()
    stage.caller_text("A table please.")
    stage.reply("Anything else?", 900)
    stage.pass_ms(3_000)
    stage.caller_text("No, bye.")

    stage.end_call()
    stage.pass_ms(800)
    stage.reply("Goodbye.", 900, 8)
    stage.pass_ms(1_500)

    assert stage.played_ms(8) == 900
    assert stage.ended_for() is EndReason.AGENT_HUNG_UP


def in_goodbye(said: str, length_ms: float) -> Stage:
    """The model says goodbye, and keeps speaking while the caller says `said`."""
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.audio(3_000, 2)
    stage.agent_text("You are welcome. Goodbye.")
    stage.end_call()
    stage.turn_completed()
    stage.pass_ms(300)
    stage.caller(length_ms)
    stage.caller(500, QUIET_DBFS)
    stage.caller_text(said)
    stage.caller(2_300 - length_ms, QUIET_DBFS)
    return stage


def test_a_question_that_does_not_stop_the_goodbye_is_answered() -> None:
    stage = in_goodbye("What does it cost then?", 1_200)

    stage.pass_ms(1_800)
    stage.reply("Twelve dollars.", 1_000, 8)
    stage.pass_ms(1_500)

    assert stage.played_ms(2) == 3_000
    assert stage.played_ms(8) == 1_000
    assert stage.ended_for() is None


def test_a_question_in_the_goodbye_whose_text_is_late_is_waited_for() -> None:
    stage = in_goodbye("", 1_200)

    stage.pass_ms(1_000)
    stage.caller_text("What does it cost then?")
    stage.pass_ms(1_800)
    stage.reply("Twelve dollars.", 1_000, 8)
    stage.pass_ms(1_500)

    assert stage.played_ms(8) == 1_000


@pytest.mark.parametrize(
    ("said", "length_ms", "more_ms"),
    [("Bye.", 400, 0), ("Thank you very much, goodbye.", 1_500, 1_500), ("Okay.", 700, 0)],
)
def test_a_farewell_over_the_goodbye_does_not_keep_the_call(
    said: str, length_ms: float, more_ms: float
) -> None:
    stage = in_goodbye(said, length_ms)

    stage.pass_ms(more_ms + 100)

    assert stage.played_ms(2) == 3_000
    assert stage.ended_for() is EndReason.AGENT_HUNG_UP


def test_what_nobody_answers_does_not_keep_the_call() -> None:
    stage = in_goodbye("And I wish you a nice day.", 1_200)

    stage.pass_ms(5_200)

    assert stage.ended_for() is EndReason.AGENT_HUNG_UP

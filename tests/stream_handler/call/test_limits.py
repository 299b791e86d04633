"""Limits on a call's silence, length and cost."""

import pytest

from ringdown.agents import Idle
from ringdown.calls import EndReason, NextAction, Usage
from ringdown.tools import ToolAnswer
from stream_handler.call.events import StreamStarted
from tests.stream_handler.call.stage import QUIET_DBFS, WORDS, Stage, call_of

IDLE = Idle(nudge_after_s=5, goodbye_after_s=12)


def quiet_after_the_greeting() -> Stage:
    """A call in which the greeting has just ended."""
    stage = Stage(call_of(idle=IDLE)).begun()
    stage.reply("Hello.", 400)
    stage.pass_ms(400)
    return stage


def nudged(stage: Stage) -> bool:
    return any(WORDS.idle_nudge in text for text in stage.told_the_model)


# Silence


def test_a_silent_caller_is_nudged_and_then_let_go() -> None:
    stage = quiet_after_the_greeting()

    stage.pass_ms(4_990)
    assert not nudged(stage)
    stage.pass_ms(10)
    assert nudged(stage)
    stage.reply(WORDS.idle_nudge, 1_500)
    stage.pass_ms(6_990)
    assert stage.ended_for() is None
    stage.pass_ms(10)

    assert stage.ended_for() is EndReason.CALLER_IDLE
    stage.saved()
    assert stage.closed is not None
    assert stage.closed.next is NextAction.IDLE_GOODBYE


def test_a_nudge_that_the_model_does_not_say_changes_nothing() -> None:
    stage = quiet_after_the_greeting()

    stage.pass_ms(11_990)
    assert stage.ended_for() is None
    stage.pass_ms(10)

    assert stage.ended_for() is EndReason.CALLER_IDLE


def test_a_nudge_longer_than_the_time_left_is_heard_out() -> None:
    stage = quiet_after_the_greeting()
    stage.pass_ms(5_000)
    stage.reply("A long nudge.", 9_000)

    stage.pass_ms(8_990)
    assert stage.ended_for() is None
    stage.pass_ms(20)

    assert stage.ended_for() is EndReason.CALLER_IDLE


@pytest.mark.parametrize("at_ms", [3_000, 6_000, 11_900], ids=["early", "nudged", "at the end"])
def test_speech_begins_the_silence_anew(at_ms: int) -> None:
    stage = quiet_after_the_greeting()
    stage.pass_ms(at_ms)

    stage.caller(300)
    stage.caller(500, QUIET_DBFS)
    told = len(stage.told_the_model)
    stage.pass_ms(4_500)
    assert len(stage.told_the_model) == told
    stage.pass_ms(500)

    assert len(stage.told_the_model) == told + 1, (
        "the agent doesn't ask whether the caller is there"
    )
    stage.pass_ms(6_490)
    assert stage.ended_for() is None


@pytest.mark.parametrize("at_ms", [3_000, 6_000, 11_900], ids=["early", "nudged", "at the end"])
def test_a_key_begins_the_silence_anew(at_ms: int) -> None:
    stage = quiet_after_the_greeting()
    stage.pass_ms(at_ms)

    stage.types("5", every_ms=0)
    stage.pass_ms(2_000)
    told = len(stage.told_the_model)
    stage.pass_ms(2_990)
    assert len(stage.told_the_model) == told
    stage.pass_ms(10)

    assert len(stage.told_the_model) == told + 1
    stage.pass_ms(6_990)
    assert stage.ended_for() is None, "hung up 12 s after the last word, although a key came later"


def test_words_too_soft_to_be_noticed_begin_the_silence_anew() -> None:
    """Otherwise we would hang up on a soft-spoken caller who was nudged once."""
    stage = quiet_after_the_greeting()
    stage.pass_ms(6_000)
    stage.caller_text("I am here")
    stage.reply("Good. How can I help?", 8_000)

    stage.pass_ms(8_000 + 4_990)

    assert stage.ended_for() is None


def test_silence_is_not_counted_while_the_agent_speaks() -> None:
    stage = quiet_after_the_greeting()
    stage.reply("A long story.", 40_000)

    stage.pass_ms(44_900)

    assert stage.told_the_model == []
    assert stage.ended_for() is None


def test_silence_is_not_counted_while_a_tool_runs() -> None:
    stage = quiet_after_the_greeting()
    stage.pass_ms(4_000)
    stage.tool_call("t1")
    stage.pass_ms(30_000)
    assert not nudged(stage)

    stage.tool_finished("t1", ToolAnswer(output={}))
    stage.pass_ms(4_990)
    assert not nudged(stage)
    stage.pass_ms(10)

    assert nudged(stage)


def test_silence_is_not_counted_while_digits_are_collected() -> None:
    stage = quiet_after_the_greeting()
    stage.collect()

    stage.pass_ms(19_000)

    assert not nudged(stage)
    assert stage.ended_for() is None


def test_silence_is_not_counted_before_the_agent_has_spoken() -> None:
    stage = Stage(call_of(idle=IDLE)).begun()

    stage.pass_ms(14_900)

    assert stage.told_the_model == []
    assert stage.ended_for() is None


def test_silence_counts_from_the_last_word_played_and_not_from_the_last_one_sent() -> None:
    stage = Stage(call_of(idle=IDLE)).begun()
    stage.reply("Hello, and a long introduction.", 10_000)

    stage.pass_ms(14_990)
    assert not nudged(stage)
    stage.pass_ms(10)

    assert nudged(stage)


# The agent forgets to hang up


def said_goodbye(text: str = "Thank you, Goodbye!") -> Stage:
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.reply(text, 1_000)
    stage.pass_ms(1_000)
    return stage


def test_an_agent_that_said_goodbye_and_nothing_more_has_hung_up() -> None:
    stage = said_goodbye()

    stage.pass_ms(5_990)
    assert stage.ended_for() is None
    stage.pass_ms(10)

    assert stage.ended_for() is EndReason.AGENT_HUNG_UP


def test_an_agent_that_said_something_else_has_not() -> None:
    stage = said_goodbye("Anything else?")

    stage.pass_ms(9_000)

    assert stage.ended_for() is None


def test_a_goodbye_whose_text_comes_after_its_sound_is_one_too() -> None:
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.audio(500)
    stage.generation_completed()
    stage.pass_ms(600)
    stage.agent_text("Goodbye!")

    stage.pass_ms(6_000)

    assert stage.ended_for() is EndReason.AGENT_HUNG_UP


def test_a_caller_who_answers_the_goodbye_gets_6_s_more() -> None:
    stage = said_goodbye()
    stage.pass_ms(5_000)

    stage.caller(300)
    stage.caller(500, QUIET_DBFS)
    stage.pass_ms(5_800)
    assert stage.ended_for() is None
    stage.pass_ms(300)

    assert stage.ended_for() is EndReason.AGENT_HUNG_UP


def test_an_agent_that_goes_on_after_its_goodbye_goes_on() -> None:
    stage = said_goodbye()
    stage.pass_ms(5_000)
    stage.reply("Oh, and one more thing: bring your card.", 1_000)

    stage.pass_ms(8_000)

    assert stage.ended_for() is None


def test_a_goodbye_of_which_nothing_was_heard_does_not_count() -> None:
    stage = Stage().greeted()
    stage.reply("Well, let us see. Goodbye!", 4_000)
    stage.caller(300)
    stage.interrupted()
    stage.caller(500, QUIET_DBFS)

    stage.pass_ms(8_000)

    assert stage.ended_for() is None


# Limits on time and cost


def lively(stage: Stage, for_ms: int) -> None:
    """Keep a conversation going, so that the call isn't idle."""
    for _ in range(for_ms // 4_000):
        stage.caller(1_000)
        stage.caller(500, QUIET_DBFS)
        stage.reply("Yes.", 500)
        stage.pass_ms(2_500)


def test_a_minute_before_the_end_the_caller_is_told_and_then_it_ends() -> None:
    stage = Stage(call_of(max_call_s=100)).greeted()
    lively(stage, 36_000)
    assert stage.told_the_model == []
    lively(stage, 8_000)
    [warning] = stage.told_the_model
    assert WORDS.time_warning in warning

    lively(stage, 56_000)

    assert stage.ended_for() is EndReason.TIME_LIMIT
    assert stage.final_save is not None
    assert stage.final_save.changes.next is NextAction.TIME_GOODBYE


def test_a_call_of_a_minute_has_no_warning() -> None:
    stage = Stage(call_of(max_call_s=60)).greeted()

    lively(stage, 60_000)

    assert stage.told_the_model == []
    assert stage.ended_for() is EndReason.TIME_LIMIT


@pytest.mark.parametrize(
    ("age_s", "left_s"), [(30, 70), (70, 30), (99, 1), (100, 0), (500, 0)], ids=str
)
def test_a_stream_that_goes_on_has_the_time_that_is_left_of_the_call(
    age_s: int, left_s: int
) -> None:
    stage = Stage(call_of(max_call_s=100))
    stage.now_ms = age_s * 1_000.0
    stage.handle(StreamStarted(stage.now_ms))

    stage.pass_ms(left_s * 1_000 - 10)
    assert stage.ended_for() is None
    stage.pass_ms(20)

    assert stage.ended_for() is EndReason.TIME_LIMIT


def test_nobody_is_warned_in_the_middle_of_the_goodbye() -> None:
    stage = Stage(call_of(max_call_s=62)).greeted()
    stage.reply("Goodbye.", 4_000)
    stage.end_call()

    stage.pass_ms(2_000)

    assert stage.told_the_model == []


def test_a_call_ends_when_it_has_cost_what_it_may() -> None:
    stage = Stage(call_of(max_cost_usd=0.01)).greeted()
    stage.usage(Usage(reports=1, prompt={"AUDIO": 1_000}, response={"AUDIO": 500}, total=1_500))
    assert stage.ended_for() is None, "only $0.009 of $0.010 is spent"

    stage.usage(Usage(reports=1, prompt={"AUDIO": 400}, total=400))

    assert stage.ended_for() is EndReason.COST_LIMIT
    assert stage.final_save is not None
    assert stage.final_save.changes.next is NextAction.TIME_GOODBYE
    assert stage.record.usage.total == 1_900


def test_a_call_without_such_a_limit_may_cost_anything() -> None:
    stage = Stage().greeted()

    stage.usage(Usage(reports=1, prompt={"AUDIO": 10**9}, total=10**9))

    assert stage.ended_for() is None


# Voices that get no reply


def sentences(stage: Stage, count: int, *, answered: bool = False) -> None:
    """Speak `count` sentences. The model speaks when told to or, if `answered`, each time."""
    told = len(stage.told_the_model)
    for _ in range(count):
        stage.caller_says(f"And now the weather at {stage.now_ms} o'clock.", 2_500)
        stage.caller(1_200, QUIET_DBFS)
        if stage.ended_for() is not None:
            return
        if len(stage.told_the_model) > told or answered:
            told = len(stage.told_the_model)
            stage.reply("Are you there?", 900)


def test_a_model_that_speaks_only_when_asked_to_has_answered_no_television() -> None:
    stage = Stage().greeted()

    sentences(stage, 60)

    assert stage.ended_for() is EndReason.CALLER_IDLE
    asked = [WORDS.idle_nudge in text for text in stage.told_the_model]
    assert asked[-2:] == [True, True]


def test_a_conversation_of_minutes_is_no_television() -> None:
    stage = Stage().greeted()

    sentences(stage, 60, answered=True)

    assert stage.ended_for() is None
    assert stage.told_the_model == []


def test_a_monologue_is_asked_about_and_its_answer_begins_anew() -> None:
    stage = Stage().greeted()
    for _ in range(30):
        stage.caller(2_000)
        stage.caller(500, QUIET_DBFS)
    assert all(WORDS.idle_nudge in text for text in stage.told_the_model)
    assert stage.sessions == 1, "the caller isn't waiting, so the session stays"

    stage.reply("Are you still there?", 900)
    stage.caller_says("I am. That was all.")
    stage.reply("I see.", 600)
    sentences(stage, 10, answered=True)

    assert stage.ended_for() is None

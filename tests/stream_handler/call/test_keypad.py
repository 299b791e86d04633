"""Digits that belong together, digits that ask for a person, and digits that are secret."""

import msgspec
import pytest

from ringdown.calls import EndReason, NextAction, Speaker, ToolOutcome
from ringdown.tools import Json
from stream_handler.call.actions import (
    CallTool,
    SaveCall,
    SendModelText,
    SendToolResponse,
)
from stream_handler.call.events import StreamStarted, ToolCallCancelled
from stream_handler.call.timers import Timer
from tests.ringdown.samples import a_tool
from tests.stream_handler.call.stage import QUIET_DBFS, Stage, call_of

PERSON = "+14155550177"


def answers(stage: Stage) -> list[SendToolResponse]:
    return stage.all(SendToolResponse)


def collected(stage: Stage) -> bool:
    """Whether the call's only collection succeeded."""
    [response] = answers(stage)
    assert response.name == "collect_digits"
    if response.answer.error is None:
        assert response.answer.output == {"collected": True}
    return response.answer.error is None


# Groups


def test_digits_reach_the_model_together_after_a_pause() -> None:
    stage = Stage().greeted()

    stage.types("42*#", every_ms=1_900)
    stage.pass_ms(1_990)
    assert stage.told_the_model == []
    stage.pass_ms(10)

    [text] = stage.told_the_model
    assert "42*#" in text


def test_digits_on_both_sides_of_a_pause_are_two_groups() -> None:
    stage = Stage().greeted()

    stage.types("12")
    stage.pass_ms(2_000)
    stage.types("34")
    stage.pass_ms(2_000)

    assert [text.split()[3] for text in stage.told_the_model] == ["12", "34"]


def test_digits_for_a_model_that_is_not_there_yet_are_not_sent() -> None:
    stage = Stage()
    stage.handle(StreamStarted(0.0))

    stage.types("12")
    stage.pass_ms(2_000)

    assert stage.all(SendModelText) == []


# 0 for a person


def test_a_lone_0_connects_a_person() -> None:
    stage = Stage(call_of(fallback_number=PERSON)).greeted()

    stage.types("0")
    stage.pass_ms(1_990)
    assert stage.ended_for() is None
    stage.pass_ms(10)

    assert stage.ended_for() is EndReason.CALLER_ASKED_FOR_PERSON
    assert stage.final_save is not None
    assert stage.final_save.changes.next is NextAction.CONNECT_PERSON
    assert stage.told_the_model == []


def test_a_0_works_before_the_model_is_there_and_while_it_speaks() -> None:
    early, late = (Stage(call_of(fallback_number=PERSON)) for _ in range(2))
    early.handle(StreamStarted(0.0))
    late.begun().audio(20_000)

    for stage in (early, late):
        stage.types("0")
        stage.pass_ms(2_000)

        assert stage.ended_for() is EndReason.CALLER_ASKED_FOR_PERSON


@pytest.mark.parametrize("keys", ["00", "000"])
def test_zeros_connect_a_person_as_one_does(keys: str) -> None:
    stage = Stage(call_of(fallback_number=PERSON)).greeted()

    stage.types(keys)
    stage.pass_ms(2_000)

    assert stage.ended_for() is EndReason.CALLER_ASKED_FOR_PERSON


@pytest.mark.parametrize("keys", ["0049", "10", "01", "0#", "*0"])
def test_a_0_among_other_keys_is_a_digit(keys: str) -> None:
    stage = Stage(call_of(fallback_number=PERSON)).greeted()

    stage.types(keys)
    stage.pass_ms(2_000)

    assert stage.ended_for() is None
    assert keys in stage.told_the_model[0]


def test_a_0_is_a_digit_where_there_is_nobody_to_connect() -> None:
    stage = Stage().greeted()

    stage.types("0")
    stage.pass_ms(2_000)

    assert stage.ended_for() is None
    assert "typed 0 " in stage.told_the_model[0]


def test_a_0_in_a_collection_belongs_to_it() -> None:
    stage = Stage(call_of(fallback_number=PERSON)).greeted()
    stage.collect(length=4)

    stage.types("0")
    stage.pass_ms(3_000)

    assert stage.ended_for() is None


# Collections


@pytest.mark.parametrize(
    ("args", "keys", "then_ms", "complete"),
    [
        ({"length": 4}, "1234", 0, True),
        ({"length": 4}, "123", 4_990, None),
        ({"length": 4}, "123", 5_000, False),
        ({"length": 4}, "12#", 0, False),
        ({}, "123456#", 0, True),
        ({"length": 0}, "12", 4_990, None),
        ({"length": 0}, "12", 5_000, True),
        ({}, "#", 0, False),
        ({}, "", 19_990, None),
        ({}, "", 20_000, False),
        ({"length": 4.0}, "1234", 0, True),
        ({"length": "4"}, "1234", 0, True),
    ],
)
def test_a_collection_ends_by_its_length_a_hash_or_a_pause(
    args: dict[str, Json], keys: str, then_ms: int, complete: bool | None
) -> None:
    stage = Stage().greeted()
    stage.collect(**args)

    stage.types(keys)
    stage.pass_ms(then_ms)

    assert (collected(stage) if answers(stage) else None) == complete
    assert stage.told_the_model == []


def test_each_digit_may_take_its_time() -> None:
    stage = Stage().greeted()
    stage.collect(length=4)
    stage.pass_ms(19_000)

    stage.types("1", every_ms=0)
    stage.types("234", every_ms=4_900)

    assert collected(stage)


def test_too_few_digits_may_be_asked_for_again() -> None:
    stage = Stage().greeted()
    stage.collect(length=4)
    stage.types("12#")

    [response] = answers(stage)

    assert response.answer.error is not None
    assert response.answer.error.retryable
    assert "4 digits" in response.answer.error.message


@pytest.mark.parametrize("more", ["#", "5", "56#"])
def test_keys_typed_on_behind_a_collection_are_nobodys(more: str) -> None:
    """Many callers end a PIN with # unasked, and a surplus digit may be part of a secret."""
    stage = Stage().greeted()
    stage.collect(length=4)

    stage.types("1234" + more)
    stage.pass_ms(3_000)

    assert collected(stage)
    assert stage.told_the_model == []


def test_a_key_after_a_pause_behind_a_collection_is_the_models_again() -> None:
    stage = Stage().greeted()
    stage.collect(length=4)
    stage.types("1234")
    stage.pass_ms(2_000)

    stage.types("7")
    stage.pass_ms(2_000)

    assert "typed 7 " in stage.told_the_model[0]


def test_a_second_collection_may_follow_at_once() -> None:
    stage = Stage().greeted()
    stage.collect("c1", purpose="pin", length=2)
    stage.types("12")
    stage.collect("c2", purpose="day", length=2)

    stage.types("34")

    assert [(r.id, r.answer.error) for r in answers(stage)] == [("c1", None), ("c2", None)]


def test_two_collections_at_once_are_one_too_many() -> None:
    stage = Stage().greeted()
    stage.collect("c1", length=2)

    stage.collect("c2", length=2)
    stage.types("12")

    second, first = answers(stage)
    assert (second.id, first.id) == ("c2", "c1")
    assert second.answer.error is not None
    assert first.answer.error is None


@pytest.mark.parametrize(
    "args",
    [{"purpose": "My PIN"}, {"purpose": ""}, {"length": -1}, {"length": 33}, {"length": 4.5},
     {"length": "many"}, {"secret": "perhaps"}, {"purpose": None}],
    ids=str,
)  # fmt: skip
def test_arguments_that_do_not_fit_are_answered_and_nothing_is_collected(
    args: dict[str, Json],
) -> None:
    stage = Stage().greeted()

    stage.collect(**args)

    assert not collected(stage)
    assert Timer.KEYPAD_PAUSE not in stage.timers


def test_a_collection_that_the_model_cancels_is_over() -> None:
    stage = Stage().greeted()
    stage.collect(length=4)
    stage.types("12")

    stage.handle(ToolCallCancelled(stage.now_ms, ("c1",)))
    stage.pass_ms(5_000)

    assert answers(stage) == []
    assert stage.record.tool_calls["c1"].outcome is ToolOutcome.CANCELLED
    stage.types("7")
    stage.pass_ms(2_000)

    [text] = stage.told_the_model
    assert "typed 7 " in text, "the digits typed before the cancellation were kept"


def test_the_rest_of_a_secret_whose_collection_was_cancelled_is_nobodys() -> None:
    """The model may cancel because the caller spoke, and the caller keeps typing."""
    stage = Stage().greeted()
    stage.collect(length=4)
    stage.types("12")
    stage.handle(ToolCallCancelled(stage.now_ms, ("c1",)))

    stage.types("34")
    stage.pass_ms(5_000)

    assert stage.told_the_model == []


# Who gets the digits


def stage_with_tools() -> Stage:
    """`check_pin` accepts collected digits; `lookup_account` doesn't."""
    check_pin = msgspec.structs.replace(a_tool("check_pin"), digits=("pin", "account"))
    call = msgspec.structs.replace(call_of(), tools=(a_tool(), check_pin))
    return Stage(call).greeted()


def test_digits_go_to_tools_that_are_declared_for_them_and_to_nobody_else() -> None:
    stage = stage_with_tools()
    stage.collect("c1", purpose="pin", length=4)
    stage.types("7294")
    stage.collect("c2", purpose="day", length=2)
    stage.types("31")

    stage.tool_call("t1", "check_pin")
    stage.tool_call("t2", "lookup_account")

    assert [tool.request.digits for tool in stage.all(CallTool)] == [{"pin": "7294"}, {}]
    said = [*stage.all(SendModelText), *answers(stage), *stage.all(SaveCall)]
    assert "7294" not in str(said)


def test_digits_typed_again_replace_those_before() -> None:
    stage = stage_with_tools()
    for id, pin in (("c1", "1111"), ("c2", "2222")):
        stage.collect(id, length=4)
        stage.types(pin)

    stage.tool_call("t1", "check_pin")

    assert stage.all(CallTool)[0].request.digits == {"pin": "2222"}


def test_too_few_digits_are_given_to_nobody() -> None:
    stage = stage_with_tools()
    stage.collect(length=4)
    stage.types("12#")

    stage.tool_call("t1", "check_pin")

    assert stage.all(CallTool)[0].request.digits == {}


@pytest.mark.parametrize(("args", "secret"), [({}, True), ({"secret": False}, False)], ids=str)
def test_while_a_secret_is_typed_nobody_listens(args: dict[str, Json], secret: bool) -> None:
    stage = Stage().greeted()
    stage.collect(length=4, **args)

    stage.caller(1_000, value=8)
    stage.caller_text("one two")
    stage.types("1234")
    stage.caller(1_000, value=9)
    stage.reply("Thank you.", 400)
    stage.pass_ms(400)

    assert stage.heard_by_the_model_ms(8) == (0 if secret else 1_000)
    assert stage.heard_by_the_model_ms(9) == 1_000, "the model listens again after the last digit"
    assert bool(stage.record.by(Speaker.CALLER)) == (not secret)


def test_the_model_is_sent_a_frame_for_every_frame_of_a_secret() -> None:
    stage = Stage().greeted()
    stage.collect()

    stage.caller(1_000, QUIET_DBFS, value=8)

    assert stage.heard_by_the_model_ms(0) == 1_000


def test_a_voice_during_a_secret_is_told_once_and_the_agent_may_listen() -> None:
    stage = Stage().greeted()
    stage.collect(length=4)

    for _ in range(2):
        stage.caller(1_500, value=7)
        stage.caller(600, QUIET_DBFS)
    assert len(stage.told_the_model) == 1
    assert stage.heard_by_the_model_ms(7) == 0

    stage.collect("c2", stop=True)
    stage.caller(1_000, value=7)

    assert [response.id for response in answers(stage)] == ["c1", "c2"]
    assert stage.heard_by_the_model_ms(7) == 1_000


def test_a_voice_while_digits_are_no_secret_is_heard_as_ever() -> None:
    stage = Stage().greeted()
    stage.collect(length=4, secret=False)

    stage.caller(1_500, value=7)
    stage.caller(600, QUIET_DBFS)

    assert stage.told_the_model == []
    assert stage.heard_by_the_model_ms(7) == 1_500


def test_nothing_is_stopped_where_nothing_is_collected() -> None:
    stage = Stage().greeted()

    stage.collect(stop=True)

    [response] = answers(stage)
    assert response.answer.output == {"status": "No digits are being collected."}


def test_digits_typed_long_before_are_not_collected() -> None:
    stage = Stage().greeted()
    stage.types("12")
    stage.pass_ms(2_000)

    stage.collect(length=4)
    stage.types("3456")

    assert collected(stage)


def test_an_echo_of_the_question_is_no_voice_during_a_secret() -> None:
    stage = Stage().greeted()
    stage.collect(length=4)
    stage.reply("Please type the four digits of your PIN.", 3_000)

    stage.caller(2_500)
    stage.caller(600, QUIET_DBFS)

    assert stage.told_the_model == []


# Keys while the agent speaks


def test_a_key_stops_a_reply_that_the_model_still_sends() -> None:
    stage = Stage().greeted()
    for _ in range(50):
        stage.audio(40, value=2)
        stage.pass_ms(40)

    stage.types("1", every_ms=0)
    for _ in range(45):
        stage.audio(40, value=3)
        stage.pass_ms(40)
    stage.turn_completed()
    stage.pass_ms(500)
    stage.reply("You have chosen sales.", 1_000, value=4)
    stage.pass_ms(1_000)

    assert stage.played_ms(3) == 0
    assert stage.played_ms(4) == 1_000


def test_the_reply_to_a_key_is_heard_though_the_turn_before_never_ended() -> None:
    stage = Stage().greeted()
    stage.audio(4_000, value=2)
    stage.pass_ms(500)

    stage.types("1", every_ms=0)
    stage.pass_ms(2_000)
    stage.reply("You have chosen sales.", 1_000, value=4)
    stage.pass_ms(1_000)

    assert stage.played_ms(4) == 1_000


def test_a_hash_behind_a_collection_does_not_stop_the_answer_to_it() -> None:
    stage = Stage().greeted()
    stage.collect(length=4)
    stage.types("1234")
    stage.reply("Thank you. Your account is fine.", 3_000, value=2)
    stage.pass_ms(700)

    stage.types("#")
    stage.pass_ms(3_000)

    assert stage.played_ms(2) == 3_000

import pytest

from ringdown.calls import Speaker, ToolCall, ToolOutcome, Turn
from ringdown.tools import Json, ToolAnswer
from ringdown.tools.request import order_key
from stream_handler.call.actions import CallTool, ConnectModel, SaveCall, SendToolResponse
from stream_handler.call.events import StreamStopped, ToolCallCancelled
from tests.ringdown.samples import CALL_SID, CALLED, CALLER, a_turn
from tests.stream_handler.call.stage import QUIET_DBFS, Stage

ANSWER = ToolAnswer(output={"status": "active"})


def test_a_tool_is_called_with_the_callers_identity_beside_the_models_arguments() -> None:
    stage = Stage().greeted()

    stage.tool_call("t1", args={"account_number": "12", "caller": "+10000000000"})

    [action] = stage.all(CallTool)
    assert action.request.args == {"account_number": "12", "caller": "+10000000000"}
    assert (action.request.call.caller, action.request.call.called) == (CALLER, CALLED)
    assert action.request.idempotency_key.startswith(f"{CALL_SID}/lookup_account/")


def test_the_answer_goes_to_the_model_and_into_the_record() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1", args={"account_number": "12"})
    stage.pass_ms(300)

    response, save = stage.tool_finished("t1", ANSWER)

    assert response == SendToolResponse("t1", "lookup_account", ANSWER, "interrupt")
    assert isinstance(save, SaveCall)
    [tool_call] = save.changes.tool_calls
    assert (tool_call.outcome, tool_call.duration_ms) == (ToolOutcome.ANSWERED, 300)
    assert tool_call.output == {"status": "active"}


def test_a_failed_tool_is_recorded_as_failed_and_the_model_is_told() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1")

    stage.tool_finished("t1", ToolAnswer.failed("No such account."))

    [response] = stage.all(SendToolResponse)
    assert response.answer.error is not None
    assert stage.record.tool_calls["t1"].outcome is ToolOutcome.FAILED
    assert stage.record.tool_calls["t1"].error == "No such account."


def test_an_unknown_tool_is_answered_at_once_with_an_error() -> None:
    stage = Stage().greeted()

    response, _ = stage.tool_call("t1", name="order_pizza")

    assert isinstance(response, SendToolResponse)
    assert response.answer.error is not None
    assert "order_pizza" in response.answer.error.message
    assert not stage.all(CallTool)


def test_a_call_delivered_twice_runs_once_and_is_answered_once() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1")

    assert stage.tool_call("t1") == ()
    stage.tool_finished("t1", ANSWER)
    assert stage.tool_call("t1") == ()
    assert stage.tool_finished("t1", ANSWER) == ()

    assert len(stage.all(CallTool)) == len(stage.all(SendToolResponse)) == 1


def test_a_call_is_recorded_before_its_outcome_is_known() -> None:
    stage = Stage().greeted()

    stage.tool_call("t1", args={"account_number": "12"})

    kept = stage.record.tool_calls["t1"]
    assert (kept.outcome, kept.args) == (ToolOutcome.UNKNOWN, {"account_number": "12"})
    assert kept.idempotency_key == stage.all(CallTool)[0].request.idempotency_key


def test_a_tool_that_may_have_done_it_all_the_same_is_recorded_as_unknown() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1")

    stage.tool_finished("t1", ToolAnswer.failed("Too late.", retryable=True), certain=False)

    [response] = stage.all(SendToolResponse)
    assert response.answer.error is not None
    kept = stage.record.tool_calls["t1"]
    assert (kept.outcome, kept.error) == (ToolOutcome.UNKNOWN, "Too late.")


def cancel(stage: Stage, *ids: str) -> None:
    stage.handle(ToolCallCancelled(stage.now_ms, ids))


def test_a_cancelled_tool_runs_to_its_end_and_the_record_has_its_result() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1")
    stage.pass_ms(100)

    cancel(stage, "t1", "unknown")
    stage.pass_ms(400)
    stage.tool_finished("t1", ANSWER)

    assert stage.all(SendToolResponse) == [], "the model got the result of a cancelled call"
    kept = stage.record.tool_calls["t1"]
    assert (kept.outcome, kept.output, kept.duration_ms) == (
        ToolOutcome.ANSWERED,
        {"status": "active"},
        500,
    )


def test_a_cancellation_after_the_answer_changes_nothing() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1")
    stage.tool_finished("t1", ANSWER)

    assert stage.handle(ToolCallCancelled(stage.now_ms, ("t1",))) == ()
    assert stage.record.tool_calls["t1"].outcome is ToolOutcome.ANSWERED


def test_calls_run_side_by_side_and_are_answered_as_they_finish() -> None:
    stage = Stage().greeted()
    stage.tool_call("slow", args={"account_number": "1"})
    stage.tool_call("quick", args={"account_number": "2"})

    stage.tool_finished("quick", ANSWER)
    stage.tool_finished("slow", ANSWER)

    assert [response.id for response in stage.all(SendToolResponse)] == ["quick", "slow"]


def test_an_interruption_leaves_tools_running() -> None:
    stage = Stage().greeted()
    stage.audio(1_000)
    stage.tool_call("t1")

    stage.interrupted()
    stage.tool_finished("t1", ANSWER)

    assert [response.id for response in stage.all(SendToolResponse)] == ["t1"]


def test_a_hang_up_waits_for_no_tool_and_ends_none() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1")
    stage.pass_ms(500)

    stage.handle(StreamStopped(stage.now_ms))
    stage.saved()
    assert stage.closed is not None
    assert stage.record.tool_calls["t1"].outcome is ToolOutcome.UNKNOWN
    stage.pass_ms(1_500)
    [late] = stage.tool_finished("t1", ANSWER)

    assert isinstance(late, SaveCall)
    assert stage.all(SendToolResponse) == []
    kept = stage.record.tool_calls["t1"]
    assert (kept.outcome, kept.duration_ms) == (ToolOutcome.ANSWERED, 2_000)


def test_a_result_while_the_last_changes_are_saved_holds_nothing_up() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1")
    stage.handle(StreamStopped(stage.now_ms))

    stage.tool_finished("t1", ANSWER)
    stage.saved()

    assert stage.closed is not None
    assert stage.record.tool_calls["t1"].outcome is ToolOutcome.ANSWERED


# The same request again


def responses(stage: Stage) -> list[tuple[str, ToolAnswer]]:
    return [(response.id, response.answer) for response in stage.all(SendToolResponse)]


def test_the_same_asked_while_it_is_asked_is_asked_once_and_answered_twice() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1", args={"account_number": "12"})
    stage.tool_call("t2", args={"account_number": "12"})

    stage.tool_finished("t1", ANSWER)

    assert [action.id for action in stage.all(CallTool)] == ["t1"]
    assert responses(stage) == [("t1", ANSWER), ("t2", ANSWER)]
    assert {call.outcome for call in stage.record.tool_calls.values()} == {ToolOutcome.ANSWERED}


def test_the_same_asked_again_is_answered_at_once_from_what_is_known() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1")
    stage.tool_finished("t1", ANSWER)

    stage.tool_call("t2")

    assert responses(stage) == [("t1", ANSWER), ("t2", ANSWER)]
    assert len(stage.all(CallTool)) == 1


@pytest.mark.parametrize("acts", ["speaks", "types"])
def test_once_the_caller_has_spoken_or_typed_the_same_is_asked_anew(acts: str) -> None:
    stage = Stage().greeted()
    stage.tool_call("t1")
    stage.tool_finished("t1", ANSWER)

    if acts == "speaks":
        stage.caller_says("And now?")
    else:
        stage.types("5")
    stage.tool_call("t2")

    assert [action.id for action in stage.all(CallTool)] == ["t1", "t2"]


def test_what_may_go_better_the_next_time_is_asked_anew() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1")
    stage.tool_finished("t1", ToolAnswer.failed("Not now.", retryable=True))
    stage.tool_call("t2")
    stage.tool_finished("t2", ToolAnswer.failed("Never."))

    stage.tool_call("t3")

    assert [action.id for action in stage.all(CallTool)] == ["t1", "t2"]
    assert [answer.error and answer.error.message for _, answer in responses(stage)] == [
        "Not now.",
        "Never.",
        "Never.",
    ]


def test_other_arguments_are_another_question() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1", args={"account_number": "12"})

    stage.tool_call("t2", args={"account_number": "13"})

    assert [action.id for action in stage.all(CallTool)] == ["t1", "t2"]


def test_a_cancelled_call_is_not_answered_and_the_one_that_joined_it_is() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1")
    stage.tool_call("t2")

    cancel(stage, "t1")
    stage.tool_finished("t1", ANSWER)

    assert responses(stage) == [("t2", ANSWER)]
    assert {call.outcome for call in stage.record.tool_calls.values()} == {ToolOutcome.ANSWERED}


# Orders with side effects


PIZZA: dict[str, Json] = {"item": "pizza"}


def ordering() -> Stage:
    """A call in which the tool that places an order has been running for one second."""
    stage = Stage().greeted()
    stage.caller_says("A pizza, please.")
    stage.tool_call("t1", args=PIZZA, blocks=True)
    stage.pass_ms(1_000)
    return stage


def ordered() -> Stage:
    """The order is placed, and the model has the result."""
    stage = ordering()
    stage.tool_finished("t1", ANSWER)
    return stage


def told() -> Stage:
    """The agent has told the caller about it, too."""
    stage = ordered()
    stage.reply("It is ordered.", 800)
    stage.pass_ms(1_500)
    return stage


def keys(stage: Stage) -> list[str]:
    """The number at the end of each request's idempotency key."""
    sent = [action.request.idempotency_key for action in stage.all(CallTool)]
    assert len({key.rpartition("/")[0] for key in sent}) == 1
    return [key.rpartition("/")[2] for key in sent]


def test_an_order_that_is_cancelled_and_repeated_joins_the_one_that_runs() -> None:
    stage = ordering()
    stage.caller(400)
    stage.interrupted()
    cancel(stage, "t1")
    stage.caller(600, QUIET_DBFS)

    stage.tool_call("t2", args=PIZZA, blocks=True)
    stage.tool_finished("t1", ANSWER)

    assert keys(stage) == ["1"]
    assert responses(stage) == [("t2", ANSWER)]
    recorded = stage.record.tool_calls.values()
    assert {call.idempotency_key for call in recorded} == {
        stage.all(CallTool)[0].request.idempotency_key
    }


def test_an_order_that_ended_while_the_caller_interrupted_is_answered_without_a_request() -> None:
    stage = ordering()
    stage.caller(400)
    cancel(stage, "t1")
    stage.tool_finished("t1", ANSWER)

    stage.tool_call("t2", args=PIZZA, blocks=True)

    assert keys(stage) == ["1"]
    assert responses(stage) == [("t2", ANSWER)]


@pytest.mark.parametrize("crossed", [False, True], ids=["cancelled in time", "the result crossed"])
def test_an_order_whose_result_the_model_did_not_take_keeps_its_key(crossed: bool) -> None:
    stage = ordering()
    if crossed:
        stage.tool_finished("t1", ANSWER)
        cancel(stage, "t1")
    else:
        cancel(stage, "t1")
        stage.tool_finished("t1", ANSWER)
    stage.reply("One moment.", 400)
    stage.pass_ms(600)
    stage.caller_says("Well?")

    stage.tool_call("t2", args=PIZZA, blocks=True)

    assert keys(stage) == ["1", "1"]


def test_an_order_that_a_cough_makes_the_model_repeat_keeps_its_key() -> None:
    stage = ordered()
    stage.caller(300)
    stage.caller(500, QUIET_DBFS)

    stage.tool_call("t2", args=PIZZA)

    assert keys(stage) == ["1", "1"]


def test_an_order_that_another_session_repeats_joins_the_one_that_runs() -> None:
    stage = ordering()
    stage.lose_model()
    stage.pass_ms(300)

    stage.tool_call("t9", args=PIZZA, blocks=True)
    stage.tool_finished("t1", ANSWER)

    assert keys(stage) == ["1"]
    assert ("t9", ANSWER) in responses(stage)


@pytest.mark.parametrize("certain", [True, False])
def test_an_order_that_failed_and_may_be_tried_again_keeps_its_key(certain: bool) -> None:
    stage = ordering()
    stage.tool_finished("t1", ToolAnswer.failed("Late.", retryable=True), certain=certain)
    stage.reply("That did not work. Shall I try again?", 800)
    stage.pass_ms(1_500)
    stage.caller_says("Yes, please.")

    stage.tool_call("t2", args=PIZZA)

    assert keys(stage) == ["1", "1"]


@pytest.mark.parametrize("acts", ["speaks", "types"])
def test_an_order_that_is_placed_again_later_is_another_one(acts: str) -> None:
    stage = told()
    if acts == "speaks":
        stage.caller_says("One more, please.")
    else:
        stage.types("1")

    stage.tool_call("t2", args=PIZZA)

    assert keys(stage) == ["1", "2"]


def test_equal_orders_in_one_message_are_two_however_often_they_are_repeated() -> None:
    stage = Stage().greeted()
    for id, twin in (("t1", 0), ("t2", 1)):
        stage.tool_call(id, args=PIZZA, twin=twin)
    cancel(stage, "t1", "t2")
    for id, twin in (("t3", 0), ("t4", 1)):
        stage.tool_call(id, args=PIZZA, twin=twin)

    stage.tool_finished("t1", ToolAnswer(output={"n": 1}))
    stage.tool_finished("t2", ToolAnswer(output={"n": 2}))

    assert keys(stage) == ["1", "2"]
    assert [(id, answer.output) for id, answer in responses(stage)] == [
        ("t3", {"n": 1}),
        ("t4", {"n": 2}),
    ]


def test_the_order_of_arguments_makes_no_other_order() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1", args={"a": 1, "b": 2})

    stage.tool_call("t2", args={"b": 2, "a": 1})

    assert keys(stage) == ["1"]


# Another handler takes over


def earlier(outcome: ToolOutcome, n: int = 1) -> ToolCall:
    return ToolCall(
        id=f"e{n}",
        name="lookup_account",
        args=PIZZA,
        outcome=outcome,
        start_ms=1_200,
        duration_ms=0 if outcome is ToolOutcome.UNKNOWN else 300,
        output={"status": "active"} if outcome is ToolOutcome.ANSWERED else None,
        idempotency_key=f"{order_key(CALL_SID, 'lookup_account', PIZZA)}/{n}",
    )


def taken_over(*calls: ToolCall, turns: tuple[Turn, ...] = (a_turn(1),)) -> Stage:
    stage = Stage(history=turns, tool_calls=calls)
    stage.now_ms = 10_000
    return stage.greeted("I am back.")


def test_an_order_of_unknown_outcome_is_repeated_with_its_key() -> None:
    stage = taken_over(earlier(ToolOutcome.UNKNOWN))
    stage.caller_says("Did you order it?")

    stage.tool_call("t1", args=PIZZA)

    assert keys(stage) == ["1"]


def test_the_next_session_is_told_of_an_order_of_unknown_outcome() -> None:
    stage = taken_over(earlier(ToolOutcome.UNKNOWN))

    [connect] = stage.all(ConnectModel)
    assert 'You called lookup_account with {"item":"pizza"}' in connect.config.instructions
    assert "It is not known whether that was done" in connect.config.instructions


def test_an_order_that_was_answered_before_and_told_is_another_one_later() -> None:
    caller = Turn(n=2, speaker=Speaker.CALLER, text="Thanks.", start_ms=3_000, end_ms=3_500)
    spoken = a_turn(1, text="It is ordered.")  # until 1.9 s
    stage = taken_over(earlier(ToolOutcome.ANSWERED), turns=(spoken, caller))
    stage.caller_says("One more, please.")

    stage.tool_call("t1", args=PIZZA)

    assert keys(stage) == ["2"]


def test_an_order_gets_no_number_that_was_given_before() -> None:
    stage = taken_over(earlier(ToolOutcome.ANSWERED, n=7))
    stage.caller_says("One more, please.")

    stage.tool_call("t1", args=PIZZA)

    assert keys(stage) == ["8"]

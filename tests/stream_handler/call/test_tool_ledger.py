import pytest

from ringdown.calls import ToolOutcome
from ringdown.tools import ToolAnswer
from stream_handler.call.actions import CallTool, CancelTool, SaveCall, SendToolResponse
from stream_handler.call.events import StreamStopped, ToolCallCancelled
from tests.ringdown.samples import CALL_SID, CALLED, CALLER
from tests.stream_handler.call.stage import Stage

ANSWER = ToolAnswer(output={"status": "active"})


def test_a_tool_is_called_with_the_callers_identity_beside_the_models_arguments() -> None:
    stage = Stage().greeted()

    [action] = stage.tool_call("t1", args={"account_number": "12", "caller": "+10000000000"})

    assert isinstance(action, CallTool)
    assert action.request.args == {"account_number": "12", "caller": "+10000000000"}
    assert (action.request.call.caller, action.request.call.called) == (CALLER, CALLED)
    assert action.request.idempotency_key == f"{CALL_SID}/t1"


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


def test_a_cancelled_call_is_aborted_and_its_late_result_dropped() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1")
    stage.pass_ms(100)

    cancel, save = stage.handle(ToolCallCancelled(stage.now_ms, ("t1", "unknown")))

    assert cancel == CancelTool("t1")
    assert isinstance(save, SaveCall)
    assert save.changes.tool_calls[0].outcome is ToolOutcome.CANCELLED
    assert stage.tool_finished("t1", ANSWER) == (), "a result after its cancellation was used"


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


def test_a_hang_up_in_mid_tool_aborts_it_and_records_it_as_cancelled() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1")
    stage.pass_ms(500)

    stage.handle(StreamStopped(stage.now_ms))

    assert stage.all(CancelTool) == [CancelTool("t1")]
    assert stage.record.tool_calls["t1"].outcome is ToolOutcome.CANCELLED
    assert stage.tool_finished("t1", ANSWER) == ()


# The same, asked twice


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


def test_a_question_goes_on_while_one_of_those_who_asked_it_still_waits() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1")
    stage.tool_call("t2")

    stage.handle(ToolCallCancelled(stage.now_ms, ("t1",)))
    assert stage.all(CancelTool) == []
    stage.tool_finished("t1", ANSWER)

    assert responses(stage) == [("t2", ANSWER)]


def test_a_question_is_dropped_when_nobody_waits_for_it_any_more() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1")
    stage.tool_call("t2")

    stage.handle(ToolCallCancelled(stage.now_ms, ("t2", "t1")))

    assert stage.all(CancelTool) == [CancelTool("t1")]


def test_a_hang_up_drops_a_question_that_was_asked_twice_once() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1")
    stage.tool_call("t2")

    stage.handle(StreamStopped(stage.now_ms))

    assert stage.all(CancelTool) == [CancelTool("t1")]
    outcomes = {id: call.outcome for id, call in stage.record.tool_calls.items()}
    assert outcomes == {"t1": ToolOutcome.CANCELLED, "t2": ToolOutcome.CANCELLED}

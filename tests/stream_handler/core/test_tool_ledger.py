from ringdown.calls import ToolOutcome
from ringdown.tools import ToolAnswer
from stream_handler.core.actions import CallTool, CancelTool, SaveCall, SendToolResponse
from stream_handler.core.events import StreamStopped, ToolCallCancelled
from tests.ringdown.samples import CALL_SID, CALLED, CALLER
from tests.stream_handler.core.stage import Stage

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

    assert response == SendToolResponse("t1", "lookup_account", ANSWER)
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
    stage.tool_call("slow")
    stage.tool_call("quick")

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

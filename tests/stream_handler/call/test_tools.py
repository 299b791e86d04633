"""Everything the model can call: tools over HTTP, and the built-in functions."""

import msgspec
import pytest

from ringdown.calls import Call, EndReason, NextAction
from ringdown.tools import Json, Scheduling, ToolAnswer, ToolDeclaration
from stream_handler.call.actions import CallTool, SendToolResponse
from stream_handler.call.tools import MOST_RUNS
from tests.ringdown.samples import a_call, a_tool
from tests.stream_handler.call.stage import QUIET_DBFS, Stage, call_of

PEOPLE = {"billing": "+14155550111", "repairs": "+14155550112"}


def with_people() -> Stage:
    stage = Stage(call_of(transfer_numbers=PEOPLE)).greeted()
    stage.caller_says("Billing, please.")
    return stage


def call_with(tool: ToolDeclaration) -> Call:
    return msgspec.structs.replace(a_call(), tools=(tool,))


def refusal(stage: Stage) -> str:
    [response] = stage.all(SendToolResponse)
    assert response.answer.error is not None, "it was accepted"
    return response.answer.error.message


def test_a_tool_is_told_who_calls_by_us_and_not_by_the_model() -> None:
    stage = Stage().greeted()

    stage.tool_call("t1", args={"caller": "+10000000000"})

    [action] = stage.all(CallTool)
    assert action.request.args == {"caller": "+10000000000"}
    assert action.request.call.caller == "+14155550123"


def test_an_unknown_tool_is_answered_at_once() -> None:
    stage = Stage().greeted()

    stage.tool_call("t1", "no_such_tool")

    assert "no_such_tool" in refusal(stage)


def test_an_answer_that_comes_late_is_told_to_nobody() -> None:
    stage = Stage().greeted()
    stage.tool_call("t1")
    stage.tool_finished("t1", ToolAnswer(output={}))

    assert stage.tool_finished("t1", ToolAnswer(output={})) == ()


NUMBERED = msgspec.structs.replace(
    a_tool(),
    parameters={
        "type": "object",
        "properties": {"account_number": {"type": "string"}},
        "required": ["account_number"],
    },
)


def test_arguments_that_do_not_fit_are_explained_and_never_sent() -> None:
    stage = Stage(call_with(NUMBERED)).greeted()

    stage.tool_call("t1", args={"account_number": 12})

    assert "account_number" in refusal(stage)
    assert stage.all(CallTool) == []


def test_a_tool_is_told_whether_the_network_vouches_for_the_caller() -> None:
    verified = Stage(msgspec.structs.replace(a_call(), caller_verified=True)).greeted()
    unknown = Stage().greeted()

    verified.tool_call("t1")
    unknown.tool_call("t1")

    assert verified.all(CallTool)[0].request.call.caller_verified
    assert not unknown.all(CallTool)[0].request.call.caller_verified


def test_more_than_can_be_asked_at_once_is_answered_with_a_word_on_that() -> None:
    stage = Stage().greeted()
    for n in range(MOST_RUNS):
        stage.tool_call(f"t{n}", args={"n": n})

    stage.tool_call("one too many", args={"n": MOST_RUNS})

    assert "Too much is being asked" in refusal(stage)
    assert len(stage.all(CallTool)) == MOST_RUNS
    stage.tool_finished("t0", ToolAnswer(output={}))
    stage.tool_call("later", args={"n": -1})
    assert stage.all(CallTool)[-1].id == "later", "a freed slot isn't used"


@pytest.mark.parametrize("scheduling", ["interrupt", "when_idle", "silent"])
def test_the_tool_says_when_its_answer_is_spoken_of(scheduling: Scheduling) -> None:
    tool = msgspec.structs.replace(a_tool(), behavior="non_blocking", scheduling=scheduling)
    stage = Stage(call_with(tool)).greeted()

    stage.tool_call("t1")
    stage.tool_finished("t1", ToolAnswer(output={}))

    [response] = stage.all(SendToolResponse)
    assert response.scheduling == scheduling


# Transfers


def test_a_transfer_waits_until_the_caller_has_been_told() -> None:
    stage = with_people()
    stage.reply("I am connecting you with billing.", 2_000)
    stage.transfer("billing")

    stage.pass_ms(1_990)
    assert stage.ended_for() is None
    stage.pass_ms(20)

    assert stage.ended_for() is EndReason.TRANSFERRED
    assert stage.final_save is not None
    changes = stage.final_save.changes
    assert (changes.next, changes.transfer_to) == (NextAction.TRANSFER, "billing")
    stage.saved()
    assert stage.closed is not None
    assert stage.closed.next is NextAction.TRANSFER


@pytest.mark.parametrize(
    ("args", "kept"),
    [
        ({"reason": " an invoice\nis wrong "}, "an invoice is wrong"),
        ({"reason": "x" * 300}, "x" * 200),
        ({"reason": ""}, None),
        ({"reason": None}, None),
        ({"reason": 5}, None),
        ({"reason": ["wish"]}, None),
        ({}, None),
    ],
    ids=str,
)
def test_the_reason_of_a_transfer_is_kept_as_far_as_it_can_be_said(
    args: dict[str, Json], kept: str | None
) -> None:
    stage = with_people()
    stage.reply("I am connecting you.", 500)

    stage.tool_call("x1", "transfer_call", {"name": "billing", **args})
    stage.pass_ms(1_000)

    assert stage.final_save is not None
    assert stage.final_save.changes.transfer_reason == kept


def test_a_transfer_without_a_word_asks_for_one() -> None:
    stage = with_people()

    stage.transfer("billing")

    [response] = stage.all(SendToolResponse)
    assert response.answer.output is not None
    assert "Tell the caller now" in response.answer.output["status"]
    assert response.scheduling is None
    stage.pass_ms(4_900)
    assert stage.ended_for() is None
    stage.pass_ms(200)
    assert stage.ended_for() is EndReason.TRANSFERRED, "a silent model doesn't delay the transfer"


@pytest.mark.parametrize(
    "args", [{"name": "sales"}, {"name": "Billing"}, {"name": ""}, {"name": 5}, {}], ids=str
)
def test_an_unknown_name_is_answered_with_those_that_are_known(args: dict[str, Json]) -> None:
    stage = with_people()

    stage.tool_call("x1", "transfer_call", args)
    stage.pass_ms(3_000)

    message = refusal(stage)
    assert "billing, repairs" in message
    assert not any(number in message for number in PEOPLE.values())
    assert stage.ended_for() is None


def test_an_agent_that_knows_nobody_transfers_to_nobody() -> None:
    stage = Stage().greeted()

    stage.transfer("billing")

    assert "nobody" in refusal(stage)


def test_a_transfer_that_the_caller_interrupts_does_not_take_place() -> None:
    stage = with_people()
    stage.reply("I am connecting you with billing.", 3_000)
    stage.transfer("billing")
    stage.caller(500)
    stage.interrupted()
    stage.caller_says("No, repairs.")

    stage.reply("I am connecting you with repairs.", 1_000)
    stage.transfer("repairs", "x2")
    stage.pass_ms(1_010)

    assert stage.final_save is not None
    assert stage.final_save.changes.transfer_to == "repairs"


def test_an_end_call_in_the_middle_of_a_transfer_does_not_hang_up_on_the_caller() -> None:
    stage = with_people()
    stage.reply("I am connecting you.", 1_000)
    stage.transfer("billing")
    stage.end_call()

    stage.pass_ms(1_010)

    assert stage.ended_for() is EndReason.TRANSFERRED


def test_a_thank_you_over_the_end_of_the_announcement_does_not_stop_the_transfer() -> None:
    stage = with_people()
    stage.reply("I am connecting you.", 1_000)
    stage.transfer("billing")
    stage.pass_ms(600)

    stage.caller(600)
    stage.caller(500, QUIET_DBFS)
    stage.pass_ms(1_500)

    assert stage.ended_for() is EndReason.TRANSFERRED

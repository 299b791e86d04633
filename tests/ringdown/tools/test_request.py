import msgspec

from ringdown.tools import ToolCallContext, ToolRequest
from ringdown.tools.request import tool_request
from tests.ringdown.samples import CALL_SID, CALLED, CALLER, a_call


def test_who_is_calling_comes_from_the_call_and_the_arguments_from_the_model() -> None:
    call = msgspec.structs.replace(a_call(), caller_verified=True)
    request = tool_request(call, "grant", {"a": 1}, tool_call_id="f1", digits={"pin": "2580"})
    assert request == ToolRequest(
        call=ToolCallContext(
            call_sid=CALL_SID,
            agent_id="default",
            caller=CALLER,
            caller_verified=True,
            called=CALLED,
            language="en-US",
        ),
        name="grant",
        args={"a": 1},
        idempotency_key=f"{CALL_SID}/f1",
        digits={"pin": "2580"},
    )


def test_each_call_of_the_models_has_its_own_key() -> None:
    keys = {tool_request(a_call(), "a", {}, tool_call_id=id).idempotency_key for id in ("1", "2")}
    assert len(keys) == 2

import msgspec

from ringdown.tools import ToolCallContext, ToolRequest
from ringdown.tools.request import order_key, tool_request
from tests.ringdown.samples import CALL_SID, CALLED, CALLER, a_call


def test_who_is_calling_comes_from_the_call_and_the_arguments_from_the_model() -> None:
    call = msgspec.structs.replace(a_call(), caller_verified=True)
    request = tool_request(call, "grant", {"a": 1}, idempotency_key="k", digits={"pin": "2580"})
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
        idempotency_key="k",
        digits={"pin": "2580"},
    )


def test_the_key_of_an_order_is_the_same_for_the_same_arguments_and_no_others() -> None:
    key = order_key(CALL_SID, "order", {"item": "pizza", "n": 10**21})

    assert order_key(CALL_SID, "order", {"n": 10**21, "item": "pizza"}) == key
    others = (
        order_key(CALL_SID, "order", {"item": "pizza", "n": 10**21 + 1}),
        order_key(CALL_SID, "order", {"item": "pizza", "n": str(10**21)}),
        order_key(CALL_SID, "cancel", {"item": "pizza", "n": 10**21}),
        order_key("CA1", "order", {"item": "pizza", "n": 10**21}),
    )
    assert key not in others
    assert len({key, *others}) == 5

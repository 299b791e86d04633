from msgspec.structs import replace

from ringdown.calls import CallRecord, CallStatus, ToolCall, ToolOutcome
from ringdown_cli.call_lines import record_lines
from tests.ringdown.samples import a_call, a_tool_call

UNKNOWN = replace(a_tool_call("t1"), outcome=ToolOutcome.UNKNOWN, output=None, duration_ms=0)


def lines(status: CallStatus, *tools: ToolCall) -> list[str]:
    call = replace(a_call(), status=status)
    record = CallRecord(call=call, claims=(), turns=(), tool_calls=tools)
    return [line.what for line in record_lines(record)]


def test_a_tool_that_is_running_has_no_line_yet() -> None:
    assert lines(CallStatus.IN_PROGRESS, UNKNOWN) == []


def test_what_is_never_known_of_a_tool_is_said_when_the_call_is_over() -> None:
    late = replace(UNKNOWN, error="It took too long.", duration_ms=1_000)

    assert lines(CallStatus.ENDED, UNKNOWN) == ["lookup_account may or may not have completed"]
    assert lines(CallStatus.IN_PROGRESS, late) == [
        "lookup_account may or may not have completed: It took too long."
    ]


def test_a_result_has_its_time() -> None:
    assert lines(CallStatus.IN_PROGRESS, a_tool_call("t1")) == ["lookup_account answered in 120 ms"]

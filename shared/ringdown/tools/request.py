"""The request that a tool gets for one call of the model's."""

from collections.abc import Mapping

from ringdown.calls import Call
from ringdown.tools import Json, ToolCallContext, ToolRequest


def tool_request(
    call: Call,
    name: str,
    args: dict[str, Json],
    *,
    tool_call_id: str,
    digits: Mapping[str, str] | None = None,
) -> ToolRequest:
    """`digits` are those that the tool may be given. The key is the same for every delivery."""
    return ToolRequest(
        call=ToolCallContext(
            call_sid=call.call_sid,
            agent_id=call.agent_id,
            caller=call.caller,
            caller_verified=call.caller_verified,
            called=call.called,
            language=call.agent.language,
        ),
        name=name,
        args=args,
        idempotency_key=f"{call.call_sid}/{tool_call_id}",
        digits=dict(digits or {}),
    )

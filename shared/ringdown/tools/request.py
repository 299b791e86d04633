"""Makes the request that a tool gets when the model calls it."""

import hashlib
import json
from collections.abc import Mapping

from ringdown.calls import Call
from ringdown.tools import Json, ToolCallContext, ToolRequest


def tool_request(
    call: Call,
    name: str,
    args: dict[str, Json],
    *,
    idempotency_key: str,
    digits: Mapping[str, str] | None = None,
) -> ToolRequest:
    """Make the request. `digits` are those that the tool may receive."""
    return ToolRequest(
        call=ToolCallContext(
            call_sid=call.call_sid,
            agent_id=call.agent_id,
            caller=call.caller,
            caller_verified=call.caller_verified,
            called=call.called,
            language=call.agent.language,
            facts={} if call.caller_facts is None else json.loads(call.caller_facts),
        ),
        name=name,
        args=args,
        idempotency_key=idempotency_key,
        digits=dict(digits or {}),
    )


def order_key(call_sid: str, name: str, args: dict[str, Json]) -> str:
    """Return the beginning of the idempotency keys for a call's requests with this name and these
    arguments. "/1", "/2" … are added to it; "/0" for the request made before the call.

    It doesn't depend on the model's ids, so that another session, or another handler, gets the same
    key. Typed digits aren't part of it, because a PIN could be worked out from its hash.
    """
    written = json.dumps(args, sort_keys=True).encode()
    return f"{call_sid}/{name}/{hashlib.sha256(written).hexdigest()[:16]}"

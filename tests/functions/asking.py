"""Calls a loaded tool the way the stream handler does."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from ringdown.stores import Store, open_store
from ringdown.tools import Json, ToolCallContext, ToolRequest
from tests.functions.loading import LoadedFunction
from tests.ringdown.samples import CALL_SID, CALLED, CALLER


def asked(
    function: LoadedFunction,
    name: str,
    args: dict[str, Json],
    *,
    key: str = "1",
    digits: dict[str, str] | None = None,
    caller: str = CALLER,
    caller_verified: bool = False,
) -> dict[str, Json]:
    """Call the tool and return its result; the HTTP status is always 200."""
    call = ToolCallContext(
        call_sid=CALL_SID,
        agent_id="default",
        caller=caller,
        caller_verified=caller_verified,
        called=CALLED,
        language="en-US",
    )
    request = ToolRequest(call=call, name=name, args=args, idempotency_key=key, digits=digits or {})
    response = function.client.post("/", content=msgspec.json.encode(request))
    assert response.status_code == 200, response.text
    answer: dict[str, Json] = response.json()
    return answer


def in_store(store_url: str, work: Callable[[Store], Awaitable[None]]) -> None:
    """Run `work` on the store, as another process would."""

    async def opened() -> None:
        async with open_store(store_url) as store:
            await work(store)

    asyncio.run(opened())

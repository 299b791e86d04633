"""While the phone rings, fetches facts about the caller with the agent's `before_call` tool."""

import asyncio
import json

from msgspec.structs import replace

from ringdown.calls import Call
from ringdown.log import Log
from ringdown.tools import NOTHING_TO_TELL, Json, ToolDeclaration
from ringdown.tools.client import ToolClient
from ringdown.tools.request import order_key, tool_request

FACTS_WITHIN_S = 0.8
"""The caller hears only ringing until then."""
MOST_CHARS = 4_000
"""Limit on the facts as JSON: they are billed with every turn of the call."""
_NOT_USABLE = "It isn't declared, or its declaration is invalid. To see why: ringdown doctor"
_NOT_ALLOWED = "Its declaration doesn't allow it. Set before_call: true in it, and in tool.yaml."
_LATE = (
    f"It didn't answer within {FACTS_WITHIN_S:g} s. If it had to cold start, keep an instance"
    " of it running."
)

_log = Log("incoming_call.caller_facts")


async def with_facts(call: Call, tool: ToolDeclaration | None, client: ToolClient) -> Call:
    """Return the call with facts about its caller, or with the reason why there are none.

    `tool` is the agent's `before_call` tool; None if it can't be used. Never raises; returns within
    FACTS_WITHIN_S.
    """
    name = call.agent.before_call
    if name is None:
        return call
    if tool is None:
        return _without(call, _NOT_USABLE)
    if not tool.before_call:
        return _without(call, _NOT_ALLOWED)
    key = f"{order_key(call.call_sid, name, {})}/0"
    try:
        async with asyncio.timeout(FACTS_WITHIN_S):
            called = await client.call(tool, tool_request(call, name, {}, idempotency_key=key))
    except TimeoutError:
        return _without(call, _LATE)
    if called.answer.error is not None:
        return _without(call, called.answer.error.message)
    if called.answer == NOTHING_TO_TELL:
        return call
    facts = _on_one_line(called.answer.output)
    if len(facts) > MOST_CHARS:
        return _without(
            call, f"Its answer has {len(facts):,} characters; the limit is {MOST_CHARS:,}."
        )
    return replace(call, caller_facts=facts)


def _without(call: Call, problem: str) -> Call:
    # The problem may quote the tool's output, which doesn't belong in the log.
    _log.warning("no facts about the caller", agent=call.agent_id, tool=call.agent.before_call)
    return replace(call, facts_problem=problem)


def _on_one_line(output: Json) -> str:
    """Return JSON on one line, so that no part of it can look like another paragraph of the
    instructions."""
    return " ".join(json.dumps(output, ensure_ascii=False).splitlines())

"""An agent knows who is calling before it speaks; another system learns how the call ended."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from devtools.ended_calls import deliver_ended_calls
from ringdown.calls import EndReason
from ringdown.stores import open_store
from ringdown.stores.paths import WEBHOOKS
from ringdown.tools import ToolAnswer, ToolDeclaration, ToolRequest
from ringdown.webhooks import Payload, Receivers
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.gemini_live.scenario import Reply, Scenario
from tests.ringdown.samples import an_agent
from tests.ringdown.seeding import write_agent
from tests.ringdown.webhooks.receivers import receiving
from tests.tool_server import Reply as ToolReply, serving_tool
from tests.whole_line import phone_network, running_line, settings_with

CALLER = "+14155550123"
SCENARIO = Scenario(greeting=Reply(say="Hello."), turns=(), unknown=Reply(say="Pardon?"))
AGENT = msgspec.structs.replace(
    an_agent(), instructions="Our records: {caller_facts}", before_call="known_customer"
)
_TOLD_WITHIN_S = 60.0


async def knows(request: ToolRequest) -> ToolReply:
    is_known = request.call.caller == CALLER
    return 200, ToolAnswer(output={"name": "Zoë"} if is_known else {})


@pytest.mark.timeout(120)
async def test_the_caller_is_known_before_the_call_and_its_end_is_reported(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    live = await gemini_live_server(SCENARIO)
    async with (
        serving_tool(knows) as tool_url,
        receiving() as hook,
        running_line(settings_with(tmp_path, live)) as stack,
        open_store(stack.store_url) as store,
    ):
        tool = ToolDeclaration(
            name="known_customer", description="Knows.", url=tool_url, before_call=True
        )
        await store.write_tool(tool)
        await write_agent(store, "default", AGENT)
        await store.documents.write(WEBHOOKS, Receivers(receivers=(hook.receiver,)))
        delivering = asyncio.create_task(deliver_ended_calls(store, stack.call_ended_url))
        async with phone_network(stack).place_call(
            to="+14155550100",
            from_=CALLER,
            voice_url=f"{stack.webhook_url}/",
            status_url=f"{stack.webhook_url}/status",
        ) as call:
            await call.agent_silent_for(0.7)
            await call.hang_up()
        async with asyncio.timeout(_TOLD_WITHIN_S):
            await hook.is_told.wait()
        delivering.cancel()
        await asyncio.gather(delivering, return_exceptions=True)

    setup = live.sessions[0].setup
    assert setup is not None
    assert 'Our records: {"name": "Zoë"}\n' in setup.system_instruction
    [message] = hook.received
    told = msgspec.json.decode(message.body, type=Payload)
    assert (told.type, told.data.call.call_sid) == ("call.ended", call.identity.call_sid)
    assert told.data.call.end_reason is EndReason.CALLER_HUNG_UP
    assert b"Zo" not in message.body

"""A caller hangs up, and the outcome of the call is determined and shown."""

import asyncio
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from devtools.ended_calls import deliver_ended_calls
from ringdown.agents.after_call import AfterCall, OutcomeField
from ringdown.calls import Speaker
from ringdown.calls.outcomes import Finding, Outcome, Success
from ringdown.stores import Store, open_store
from ringdown.tools import Json
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.gemini_live.scenario import Reply, Scenario, Turn
from tests.functions.text_model_stand_in import Answer, TextModelStandIn, answers
from tests.ringdown.samples import an_agent
from tests.ringdown.seeding import write_agent
from tests.tool_server import serving_json
from tests.whole_line import phone_network, running_line, settings_with

AFTER_CALL = AfterCall(
    success="The caller knows when we open.",
    fields=(OutcomeField(name="opens", description="When the agent said that we open."),),
)
SCENARIO = Scenario(
    greeting=Reply(say="Hello, this is the bakery."),
    turns=(Turn(name="opening", heard=("when do you open",), reply=Reply(say="We open at nine.")),),
    unknown=Reply(say="I did not catch that."),
)
_FOUND_OUT_WITHIN_S = 60.0


def reads(record: dict[str, Json]) -> Answer:
    """Answer like a good model, quoting the agent's turn from the record it was sent."""
    [turn] = [t for t in record["turns"] if "at nine" in t["text"]]
    claim = {"turn": turn["turn"], "quote": "open at nine"}
    return answers(
        {
            "fields": {"opens": {"value": "at nine", **claim}},
            "success": {"value": "yes", **claim},
            "summary": "Asked when we open.",
            "topic": "opening hours",
        }
    )


async def until_found_out(store: Store, call_sid: str) -> Outcome:
    async with asyncio.timeout(_FOUND_OUT_WITHIN_S):
        while True:
            record = await store.read_record(call_sid)
            if record is not None and record.outcome is not None:
                return record.outcome
            await asyncio.sleep(0.5)


@pytest.mark.timeout(120)
async def test_the_outcome_of_a_call_is_determined_once_it_is_over(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    live = await gemini_live_server(SCENARIO)
    model = TextModelStandIn(reads)

    async def respond(body: bytes) -> Answer:
        return model.respond(body)

    async with serving_json(respond) as model_url:
        settings = replace(
            settings_with(tmp_path, live, live_base_url=live.base_url, live_ca_file=live.ca_file),
            gemini_base_url=model_url,
            gemini_ca_file=None,
        )
        async with running_line(settings) as stack, open_store(stack.store_url) as store:
            agent = msgspec.structs.replace(an_agent(), after_call=AFTER_CALL)
            await write_agent(store, "default", agent)
            delivering = asyncio.create_task(deliver_ended_calls(store, stack.call_ended_url))
            async with phone_network(stack).place_call(
                to="+14155550100",
                from_="+14155550123",
                voice_url=f"{stack.webhook_url}/",
                status_url=f"{stack.webhook_url}/status",
            ) as call:
                await call.agent_silent_for(0.7)
                await call.say("When do you open?")
                await call.agent_silent_for(1.2)
                await call.hang_up()
            outcome = await until_found_out(store, call.identity.call_sid)
            record = await store.read_record(call.identity.call_sid)
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)

    assert record is not None
    [turn] = [t for t in record.turns if t.speaker is Speaker.AGENT and "at nine" in t.text]
    assert outcome.fields == {"opens": Finding(value="at nine", turn=turn.n)}
    assert (outcome.success, outcome.success_turn) == (Success.YES, turn.n)
    assert outcome.summary == "Asked when we open."
    assert len(model.asked) == 1
    assert record.call.caller not in str(model.asked), "Gemini must not learn who called"

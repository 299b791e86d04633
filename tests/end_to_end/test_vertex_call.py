"""A whole call with Vertex AI: no key, but a token from a metadata server, as on Cloud Run."""

import os
from pathlib import Path

import pytest

from devtools.processes import free_port
from devtools.stack import Stack, running_stack
from devtools.stack_settings import StackSettings
from ringdown.calls import CallRecord, EndReason, Speaker, ToolOutcome
from ringdown.gemini.backend import VertexAi
from ringdown.stores import open_store
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.gemini_live.scenario import PlannedCall, Reply, Scenario, Turn
from simulators.speech.recognition import normalise
from simulators.twilio import Call, TwilioNetwork
from tests.google_tokens import PROJECT, token_server

SCENARIO = Scenario(
    greeting=Reply(say="Hello, what is your account number?"),
    turns=(
        Turn(
            "account",
            Reply(
                calls=(PlannedCall("lookup_account", {"account_number": "123456"}),),
                then="Your account is {output.status}.",
            ),
            heard=("it is one two three four five six",),
        ),
        Turn(
            "goodbye",
            Reply(say="You are welcome. Goodbye.", calls=(PlannedCall("end_call", {}),)),
            heard=("thank you that is all goodbye",),
        ),
    ),
)


@pytest.mark.real_time
@pytest.mark.timeout(120)
async def test_a_call_on_vertex(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    gemini = await gemini_live_server(SCENARIO)
    with token_server() as tokens:
        settings = StackSettings(
            out=tmp_path,
            vertex=VertexAi(PROJECT, "europe-west4"),
            gemini_base_url=gemini.base_url,
            gemini_ca_file=gemini.ca_file,
            webhook_port=free_port(),
            stream_port=free_port(),
            inherited={
                "PATH": os.environ["PATH"],
                "CLOUDSDK_CONFIG": str(tmp_path),  # so that no real credentials are found
                **tokens.metadata_environ(),
            },
        )
        async with running_stack(settings) as stack:
            call = await _play(stack)
            record = await _record(stack, call)

    [session] = gemini.sessions
    assert session.setup_message["model"] == (
        f"projects/{PROJECT}/locations/europe-west4/publishers/google/models/gemini-3.8-live"
    )
    assert any(path.endswith("/service-accounts/default/token") for path in tokens.asked)
    assert [normalise(turn.text) for turn in record.turns if turn.speaker is Speaker.AGENT] == [
        "hello what is your account number",
        "your account is active",
        "you are welcome goodbye",
    ]
    assert [(tool.name, tool.outcome) for tool in record.tool_calls] == [
        ("lookup_account", ToolOutcome.ANSWERED),
        ("end_call", ToolOutcome.ANSWERED),
    ]
    assert record.call.end_reason is EndReason.AGENT_HUNG_UP
    assert record.call.usage.response["AUDIO"] > 0


async def _play(stack: Stack) -> Call:
    network = TwilioNetwork(auth_token=stack.twilio_auth_token)
    async with network.place_call(
        to="+14155550100",
        from_="+14155550123",
        voice_url=f"{stack.webhook_url}/",
        status_url=f"{stack.webhook_url}/status",
    ) as call:
        await call.agent_silent_for(0.7)
        await call.say("It is one two three four five six.")
        await call.agent_silent_for(1.5)
        await call.say("Thank you, that is all. Goodbye.")
        await call.ended(30)
    return call


async def _record(stack: Stack, call: Call) -> CallRecord:
    async with open_store(stack.store_url) as store:
        record = await store.read_record(call.identity.call_sid)
    assert record is not None
    return record

"""How each family of models gets tools and their results."""

import asyncio
import json
import ssl
from dataclasses import replace

import msgspec
import pytest
import trustme
from websockets.asyncio.server import ServerConnection

from ringdown.gemini.backend import DeveloperApi
from ringdown.gemini.models import DEFAULT_MODEL, MODELS, current
from ringdown.gemini.session import GeminiLive
from ringdown.tools import Behavior, Json, ToolAnswer
from ringdown.tools.arguments import problems_with
from stream_handler.call.events import ToolCallRequested
from stream_handler.call.model_config import ModelConfig, session_config
from tests.ringdown.samples import a_call, a_tool, an_agent
from tests.stream_handler.little_gemini import LittleGemini, little_gemini, send

READY: Json = {"setupComplete": {}}
THINKING = "gemini-3.8-live-extended-thinking"
RETIRED = "gemini-3.1-flash-live-preview"
UNKNOWN = "gemini-9-live"
CALL: Json = {"toolCall": {"functionCalls": [{"id": "1", "name": "lookup_account", "args": {}}]}}


def config_for(model: str, behavior: Behavior) -> ModelConfig:
    tool = msgspec.structs.replace(a_tool(), behavior=behavior)
    config = session_config(msgspec.structs.replace(a_call(), tools=(tool,)))
    return replace(config, model=model)


async def ask(gemini: LittleGemini, socket: ServerConnection) -> None:
    await send(socket, READY, CALL)
    async for message in socket:
        gemini.take(json.loads(message))


@pytest.mark.parametrize(
    ("model", "behavior", "declared", "blocks"),
    [
        (DEFAULT_MODEL, "blocking", "BLOCKING", True),
        (DEFAULT_MODEL, "non_blocking", "NON_BLOCKING", False),
        (THINKING, "blocking", None, False),
        (THINKING, "non_blocking", None, False),
        (RETIRED, "blocking", "BLOCKING", True),
        (RETIRED, "non_blocking", "NON_BLOCKING", False),
        (UNKNOWN, "non_blocking", None, True),
    ],
)
async def test_a_tool_is_declared_as_its_model_needs_it(
    certificates: trustme.CA,
    trusting: ssl.SSLContext,
    model: str,
    behavior: Behavior,
    declared: str | None,
    blocks: bool,
) -> None:
    async with asyncio.timeout(10), little_gemini(certificates, ask) as gemini:
        live = GeminiLive(DeveloperApi("key-0123456789", gemini.url), tls=trusting)
        async with live.connect(config_for(model, behavior), lambda: 5.0) as session:
            event = await anext(aiter(session.receive()))
            await session.send_tool_response("1", "lookup_account", ToolAnswer(output={}), "silent")
            sent = await gemini.heard(lambda message: "tool_response" in message)

    assert isinstance(event, ToolCallRequested)
    assert event.blocks is blocks
    assert gemini.setups[0]["setup"]["model"] == f"models/{current(model)}"
    assert _declared(gemini.setups[0], "lookup_account").get("behavior") == declared
    [response] = sent["tool_response"]["functionResponses"]
    assert response.get("scheduling") == (None if blocks else "SILENT")


async def test_arguments_are_declared_as_every_model_reads_them(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    parameters = {
        "type": "object",
        "properties": {"number": {"type": "string", "pattern": "^[0-9]+$"}},
        "required": ["number"],
        "additionalProperties": False,
    }
    tools = (msgspec.structs.replace(a_tool(), parameters=parameters), a_tool("ring_the_bell"))
    agent = an_agent(transfer_numbers={"billing": "+14155550111"})
    config = session_config(msgspec.structs.replace(a_call(agent=agent), tools=tools))
    async with asyncio.timeout(10), little_gemini(certificates) as gemini:
        live = GeminiLive(DeveloperApi("key-0123456789", gemini.url), tls=trusting)
        async with live.connect(config, lambda: 5.0):
            await gemini.set_up.wait()

    setup = gemini.setups[0]
    assert _declared(setup, "lookup_account")["parameters"] == {
        "type": "OBJECT",
        "properties": {"number": {"type": "STRING"}},
        "required": ["number"],
    }
    assert "parameters" not in _declared(setup, "ring_the_bell")
    name = _declared(setup, "transfer_call")["parameters"]["properties"]["name"]
    assert name == {"type": "STRING", "enum": ["billing"], "description": "Whom to."}
    for built_in in ("end_call", "collect_digits"):
        assert _declared(setup, built_in)["parameters"]["type"] == "OBJECT"
    assert "jsonschema" not in json.dumps(setup).lower().replace("_", "")


async def test_arguments_reach_the_tool_in_the_shape_that_it_declared(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    parameters: Json = {
        "type": "object",
        "properties": {
            "size": {"type": "integer", "enum": [1, 2]},
            "values": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }
    tool = msgspec.structs.replace(a_tool(), parameters=parameters)
    config = session_config(msgspec.structs.replace(a_call(), tools=(tool,)))
    sent = {"size": "2", "values": [{"name": "day", "value": "Thursday"}]}

    async def call(gemini: LittleGemini, socket: ServerConnection) -> None:
        function = {"id": "1", "name": tool.name, "args": sent}
        await send(socket, READY, {"toolCall": {"functionCalls": [function]}})
        await socket.wait_closed()

    async with asyncio.timeout(10), little_gemini(certificates, call) as gemini:
        live = GeminiLive(DeveloperApi("key-0123456789", gemini.url), tls=trusting)
        async with live.connect(config, lambda: 5.0) as session:
            event = await anext(aiter(session.receive()))

    declared = _declared(gemini.setups[0], tool.name)["parameters"]["properties"]
    assert declared["size"] == {"type": "STRING", "enum": ["1", "2"]}
    assert declared["values"]["type"] == "ARRAY"
    assert isinstance(event, ToolCallRequested)
    assert event.args == {"size": 2, "values": {"day": "Thursday"}}
    assert problems_with(event.args, parameters) is None


@pytest.mark.parametrize("model", [*MODELS, RETIRED])
async def test_functions_that_are_answered_at_once_never_make_the_model_wait(
    certificates: trustme.CA, trusting: ssl.SSLContext, model: str
) -> None:
    async with asyncio.timeout(10), little_gemini(certificates) as gemini:
        live = GeminiLive(DeveloperApi("key-0123456789", gemini.url), tls=trusting)
        async with live.connect(config_for(model, "blocking"), lambda: 5.0):
            await gemini.set_up.wait()

    assert _declared(gemini.setups[0], "end_call").get("behavior") in (None, "NON_BLOCKING")


def _declared(message: Json, name: str) -> dict[str, Json]:
    [tools] = message["setup"]["tools"]
    found: list[dict[str, Json]] = [f for f in tools["functionDeclarations"] if f["name"] == name]
    return found[0]

"""The real google-genai as a client of Vertex AI, over TLS, against the Gemini Live stand-in.

The stand-in refuses what Vertex AI is known to refuse: wrong tokens, unknown models and, for the
older model, function responses with an id.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Literal

import msgspec
import pytest

from ringdown.calls import Speaker
from ringdown.gemini.backend import VertexAi
from ringdown.gemini.events import ModelEvent, ModelSpeech
from ringdown.gemini.model_session import ModelError, ModelSession
from ringdown.gemini.session import GeminiLive
from ringdown.tools import ToolAnswer
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.gemini_live.scenario import Pace, PlannedCall, Reply, Scenario, Turn
from simulators.gemini_live.server import GeminiLiveServer
from stream_handler.call.events import (
    ToolCallRequested,
    TranscriptReceived,
    TurnCompleted,
    UsageReported,
)
from stream_handler.call.model_config import ModelConfig, session_config
from tests.google_tokens import TokenServer
from tests.ringdown.samples import a_call, a_tool, an_agent

PROJECT, LOCATION = "my-project", "us-central1"
TOOL = msgspec.structs.replace(
    a_tool(), parameters={"type": "object", "properties": {"number": {"type": "string"}}}
)
CONFIG = session_config(msgspec.structs.replace(a_call(), tools=(TOOL,)))
OLDER = replace(CONFIG, model="gemini-live-2.5-flash-native-audio")
SCENARIO = Scenario(
    turns=(
        Turn("hello", Reply(say="Good morning."), text="Greet"),
        Turn(
            "balance",
            Reply(calls=(PlannedCall("lookup_account", {"number": "12"}),), then="It is 42."),
            text="What is my balance?",
        ),
    ),
    pace=Pace(thinking_ms=20, speed=20),
)


@asynccontextmanager
async def session(
    server: GeminiLiveServer, config: ModelConfig = CONFIG
) -> AsyncIterator[ModelSession]:
    tls = ssl.create_default_context(cafile=server.ca_file)
    model = GeminiLive(VertexAi(PROJECT, LOCATION, server.base_url), tls=tls)
    async with asyncio.timeout(15), model.connect(config, lambda: 0.0) as opened:
        yield opened


async def heard(
    session: ModelSession, enough: Callable[[list[ModelEvent]], bool]
) -> list[ModelEvent]:
    """Return the session's events up to the one that makes them `enough`."""
    events: list[ModelEvent] = []
    async for event in session.receive():
        events.append(event)
        if enough(events):
            return events
    raise AssertionError("receive() ended without raising")


def a_turn_is_over(events: list[ModelEvent]) -> bool:
    return isinstance(events[-1], TurnCompleted)


def said(events: list[ModelEvent]) -> str:
    words = (e for e in events if isinstance(e, TranscriptReceived))
    return "".join(e.text for e in words if e.speaker is Speaker.AGENT)


async def test_a_session_on_vertex(
    gemini_live_server: GeminiLiveServerFactory, tokens: TokenServer
) -> None:
    server = await gemini_live_server(SCENARIO)

    async with session(server) as opened:
        await opened.send_text("Greet the caller.")
        events = await heard(opened, a_turn_is_over)

    assert said(events) == "Good morning."
    assert any(isinstance(event, ModelSpeech) for event in events)
    [usage] = [event.usage for event in events if isinstance(event, UsageReported)]
    assert usage.response["AUDIO"] > 0
    [record] = server.sessions
    assert record.path.endswith("v1beta1.LlmBidiService/BidiGenerateContent")
    assert record.setup_message["model"] == (
        f"projects/{PROJECT}/locations/{LOCATION}/publishers/google/models/gemini-3.8-live"
    )
    assert tokens.asked == ["/token"]


@pytest.mark.parametrize("config", [CONFIG, OLDER], ids=["with ids", "without"])
async def test_a_function_call_is_answered_with_the_id_that_it_has(
    gemini_live_server: GeminiLiveServerFactory, tokens: TokenServer, config: ModelConfig
) -> None:
    server = await gemini_live_server(SCENARIO)

    async with session(server, config) as opened:
        await opened.send_text("What is my balance?")
        events = await heard(opened, lambda seen: isinstance(seen[-1], ToolCallRequested))
        call = events[-1]
        assert isinstance(call, ToolCallRequested)
        assert call.id
        answer = ToolAnswer(output={"balance": 42})
        await opened.send_tool_response(call.id, call.name, answer)
        after = await heard(opened, lambda seen: "42" in said(seen))

    assert (call.name, call.args) == ("lookup_account", {"number": "12"})
    assert call.id.startswith("unnamed-") is (config is OLDER)
    assert said(after).endswith("It is 42.")


async def test_an_answer_says_when_to_speak_of_it(
    gemini_live_server: GeminiLiveServerFactory, tokens: TokenServer
) -> None:
    server = await gemini_live_server(SCENARIO)
    tool = msgspec.structs.replace(TOOL, behavior="non_blocking")
    config = session_config(msgspec.structs.replace(a_call(), tools=(tool,)))

    async with session(server, config) as opened:
        await opened.send_text("What is my balance?")
        events = await heard(opened, lambda seen: isinstance(seen[-1], ToolCallRequested))
        call = events[-1]
        assert isinstance(call, ToolCallRequested)
        assert not call.blocks
        answer = ToolAnswer(output={"balance": 42})
        await opened.send_tool_response(call.id, call.name, answer, "when_idle")
        await heard(opened, lambda seen: "42" in said(seen))

    [record] = server.sessions
    [response] = [r for r in record.received if r.kind == "tool_response"]
    assert response.content["functionResponses"][0]["scheduling"] == "WHEN_IDLE"


async def test_a_silent_answer_to_the_older_model_says_nothing_of_scheduling(
    gemini_live_server: GeminiLiveServerFactory, tokens: TokenServer
) -> None:
    server = await gemini_live_server(SCENARIO)

    async with session(server, OLDER) as opened:
        await opened.send_text("What is my balance?")
        events = await heard(opened, lambda seen: isinstance(seen[-1], ToolCallRequested))
        call = events[-1]
        assert isinstance(call, ToolCallRequested)
        answer = ToolAnswer(output={"balance": 42})
        await opened.send_tool_response(call.id, call.name, answer, "silent")
        await heard(opened, lambda seen: "42" in said(seen))

    [record] = server.sessions
    assert not record.closed_by_server


@pytest.mark.parametrize(
    ("model", "answers"),
    [
        ("gemini-3.8-live", "gemini-3.8-live"),
        ("gemini-3.8-live-extended-thinking", "gemini-3.8-live"),
        ("gemini-3.1-flash-live-preview", "gemini-3.8-live"),
        ("gemini-live-2.5-flash-native-audio", "gemini-live-2.5-flash-native-audio"),
    ],
)
async def test_every_agent_is_spoken_for_whatever_model_it_names(
    gemini_live_server: GeminiLiveServerFactory,
    tokens: TokenServer,
    model: str,
    answers: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    thinking: Literal["high"] | None = "high" if "thinking" in model else None
    agent = msgspec.structs.replace(
        an_agent(), model=model, thinking=thinking, google_search=True, languages=("en-US",)
    )
    server = await gemini_live_server(SCENARIO)

    with caplog.at_level(logging.WARNING):
        async with session(server, session_config(a_call(agent=agent))):
            pass

    [record] = server.sessions
    assert record.setup is not None
    assert record.setup.model == answers
    replaced = [r for r in caplog.records if r.getMessage() == "model replaced"]
    assert bool(replaced) is (model != answers)
    setup = record.setup_message
    newer = answers == "gemini-3.8-live"
    assert ("googleSearch" in str(setup["tools"])) is newer
    assert setup["inputAudioTranscription"] == ({"language_codes": ["en-US"]} if newer else {})


async def test_a_model_that_vertex_does_not_know_is_refused_by_it(
    gemini_live_server: GeminiLiveServerFactory, tokens: TokenServer
) -> None:
    server = await gemini_live_server(SCENARIO)

    with pytest.raises(ModelError, match="was not found") as refused:
        async with session(server, replace(CONFIG, model="gemini-9-live")):
            pytest.fail("the session opened")

    assert refused.value.code == 1008


async def test_a_token_that_vertex_does_not_take_is_told(
    gemini_live_server: GeminiLiveServerFactory, tokens: TokenServer
) -> None:
    tokens.token = "somebody else's"
    server = await gemini_live_server(SCENARIO)

    with pytest.raises(ModelError) as refused:
        async with session(server):
            pytest.fail("the session opened")

    assert refused.value.code == 401


async def test_credentials_that_are_refused_are_told(
    gemini_live_server: GeminiLiveServerFactory, tokens: TokenServer
) -> None:
    tokens.refuses = True
    server = await gemini_live_server(SCENARIO)

    with pytest.raises(ModelError, match="no Google credentials"):
        async with session(server):
            pytest.fail("the session opened")

    assert server.sessions == []

"""The real google-genai over TLS, against a model server that sends what the test wants."""

import asyncio
import base64
import json
import re
import ssl
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import msgspec
import pytest
import trustme
from websockets.asyncio.server import ServerConnection

from ringdown.agents import TurnTaking
from ringdown.calls import Speaker, Usage
from ringdown.gemini.backend import DeveloperApi
from ringdown.gemini.events import ModelEvent, ModelSpeech
from ringdown.gemini.model_session import ModelError, ModelSession
from ringdown.gemini.session import GeminiLive
from ringdown.tools import Scheduling, ToolAnswer
from simulators.gemini_live.messages import VideoInput
from simulators.gemini_live.reading import read
from simulators.pictures import picture
from stream_handler.call.events import (
    GenerationCompleted,
    GoAwayReceived,
    ModelInterrupted,
    ResumptionUpdated,
    ToolCallCancelled,
    ToolCallRequested,
    TranscriptReceived,
    TurnCompleted,
    UsageReported,
)
from stream_handler.call.model_config import session_config
from tests.ringdown.samples import a_call, an_agent
from tests.stream_handler.little_gemini import (
    Json,
    LittleGemini,
    Script,
    little_gemini,
    send,
    until_closed,
)

CONFIG = session_config(a_call())
NOW_MS = 1_234.0
READY: Json = {"setupComplete": {"sessionId": "s1"}}
TURN_COMPLETE: Json = {"serverContent": {"turnComplete": True}}
PCM = bytes(range(240)) * 8


def client_of(
    gemini: LittleGemini, trusting: ssl.SSLContext, *, connect_timeout_s: float = 5.0
) -> GeminiLive:
    backend = DeveloperApi("key-0123456789", gemini.url)
    return GeminiLive(backend, tls=trusting, connect_timeout_s=connect_timeout_s)


def saying(*messages: Json | str | bytes, code: int = 1000, reason: str = "") -> Script:
    """Report setup complete, send `messages`, and close."""

    async def script(gemini: LittleGemini, socket: ServerConnection) -> None:
        await send(socket, READY, *messages)
        await socket.close(code, reason)

    return script


async def heard_from(
    certificates: trustme.CA, trusting: ssl.SSLContext, script: Script
) -> tuple[list[ModelEvent], ModelError]:
    """Return a session's events and the error that ended it."""
    events: list[ModelEvent] = []
    async with (
        asyncio.timeout(10),
        little_gemini(certificates, script) as gemini,
        client_of(gemini, trusting).connect(CONFIG, lambda: NOW_MS) as session,
    ):
        try:
            async for event in session.receive():
                events.append(event)  # noqa: PERF401 - keeps the events before the error
        except ModelError as error:
            return events, error
    pytest.fail("the session ended without an error")


async def refusal(
    certificates: trustme.CA,
    trusting: ssl.SSLContext,
    script: Script | None = None,
    *,
    refuse: HTTPStatus | None = None,
    connect_timeout_s: float = 5.0,
) -> ModelError:
    """Return the error with which a session fails to open."""
    async with asyncio.timeout(10), little_gemini(certificates, script, refuse=refuse) as gemini:
        model = client_of(gemini, trusting, connect_timeout_s=connect_timeout_s)
        with pytest.raises(ModelError) as refused:
            async with model.connect(CONFIG, lambda: NOW_MS):
                pytest.fail("the session opened")
    return refused.value


# Opening


@pytest.mark.parametrize("handle", [None, "h1"])
@pytest.mark.parametrize("model", ["gemini-3.8-live", "gemini-3.8-live-extended-thinking"])
async def test_the_transcription_is_told_what_callers_speak(
    certificates: trustme.CA, trusting: ssl.SSLContext, model: str, handle: str | None
) -> None:
    agent = msgspec.structs.replace(
        an_agent(), model=model, languages=("en-US", "es-US"), vocabulary=("Ringdown", "Käthe")
    )
    config = session_config(a_call(agent=agent), handle=handle)
    async with (
        asyncio.timeout(10),
        little_gemini(certificates) as gemini,
        client_of(gemini, trusting).connect(config, lambda: NOW_MS),
    ):
        await gemini.set_up.wait()

    [message] = gemini.setups
    assert message["setup"]["inputAudioTranscription"] == {
        "language_codes": ["en-US", "es-US"],
        "custom_vocabulary": ["Ringdown", "Käthe"],
    }
    assert message["setup"]["outputAudioTranscription"] == {}


async def test_the_session_is_set_up_as_the_call_wants_it(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    async with (
        asyncio.timeout(10),
        little_gemini(certificates) as gemini,
        client_of(gemini, trusting).connect(CONFIG, lambda: NOW_MS),
    ):
        await gemini.set_up.wait()

    [message] = gemini.setups
    setup = message["setup"]
    assert setup["model"] == "models/gemini-3.8-live"
    assert "Be brief." in str(setup["systemInstruction"])
    assert "Speak en-US" in str(setup["systemInstruction"])
    assert setup["generationConfig"]["responseModalities"] == ["AUDIO"]
    speech = str(setup["generationConfig"]["speechConfig"])
    assert "'Kore'" in speech
    assert "'en-US'" in speech
    assert (setup["inputAudioTranscription"], setup["outputAudioTranscription"]) == ({}, {})
    assert "contextWindowCompression" in setup
    assert setup["sessionResumption"] == {}
    [tools] = setup["tools"]
    names = [function["name"] for function in tools["functionDeclarations"]]
    assert names == ["lookup_account", "end_call", "collect_digits"]
    assert gemini.headers["x-goog-api-key"] == "key-0123456789"
    assert ".v1beta." in gemini.path
    assert "key-0123456789" not in gemini.path, "the API key is in the URL"
    assert "sec-websocket-extensions" not in gemini.headers, "compression is on"


async def test_a_refused_connection_is_a_model_error(trusting: ssl.SSLContext) -> None:
    nowhere = DeveloperApi("key-0123456789", "https://127.0.0.1:1")
    model = GeminiLive(nowhere, tls=trusting)

    with pytest.raises(ModelError):
        async with asyncio.timeout(10), model.connect(CONFIG, lambda: NOW_MS):
            pytest.fail("the session opened")


@pytest.mark.parametrize(
    "status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS]
)
async def test_a_refused_upgrade_tells_its_status(
    certificates: trustme.CA, trusting: ssl.SSLContext, status: HTTPStatus
) -> None:
    error = await refusal(certificates, trusting, refuse=status)

    assert error.code == status


async def test_a_certificate_that_is_not_trusted_is_a_model_error(
    certificates: trustme.CA,
) -> None:
    error = await refusal(certificates, ssl.create_default_context())

    assert "CERTIFICATE_VERIFY_FAILED" in str(error)


async def test_a_setup_that_is_never_answered_is_given_up(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    async def silent(gemini: LittleGemini, socket: ServerConnection) -> None:
        await socket.wait_closed()

    error = await refusal(certificates, trusting, silent, connect_timeout_s=0.3)

    assert str(error) == "not ready within 0.3 s"


@pytest.mark.parametrize("code", [1007, 1008, 1011])
async def test_a_setup_that_is_refused_tells_the_close_code(
    certificates: trustme.CA, trusting: ssl.SSLContext, code: int
) -> None:
    async def refusing(gemini: LittleGemini, socket: ServerConnection) -> None:
        await socket.close(code, "Request contains an invalid argument.")

    error = await refusal(certificates, trusting, refusing)

    assert error.code == code


@pytest.mark.parametrize(
    "first",
    [
        TURN_COMPLETE,
        "not JSON",
        "[]",
        "[1]",
        "5",
        '"x"',
        "null",
        {"neverHeardOf": 1},
        b"\xff\xfe",
        b"",
    ],
    ids=repr,
)
async def test_a_first_message_that_is_not_setup_complete_is_refused(
    certificates: trustme.CA, trusting: ssl.SSLContext, first: Json | str | bytes
) -> None:
    async def script(gemini: LittleGemini, socket: ServerConnection) -> None:
        await send(socket, first)
        await socket.wait_closed()

    await refusal(certificates, trusting, script)


@pytest.mark.parametrize(
    ("wish", "detection"),
    [
        (TurnTaking(), {}),
        (TurnTaking(patience="quick"), {"silenceDurationMs": 300}),
        (
            TurnTaking(patience="patient"),
            {"silenceDurationMs": 1_400, "endOfSpeechSensitivity": "END_SENSITIVITY_LOW"},
        ),
        (
            TurnTaking(start_sensitivity="low"),
            {"startOfSpeechSensitivity": "START_SENSITIVITY_LOW"},
        ),
        (
            TurnTaking(patience="quick", start_sensitivity="low"),
            {"silenceDurationMs": 300, "startOfSpeechSensitivity": "START_SENSITIVITY_LOW"},
        ),
        (
            TurnTaking(patience="patient", start_sensitivity="low"),
            {
                "silenceDurationMs": 1_400,
                "endOfSpeechSensitivity": "END_SENSITIVITY_LOW",
                "startOfSpeechSensitivity": "START_SENSITIVITY_LOW",
            },
        ),
    ],
    ids=lambda value: (
        f"{value.patience}, {value.start_sensitivity}" if isinstance(value, TurnTaking) else ""
    ),
)
async def test_turn_taking_is_asked_for_on_the_wire(
    certificates: trustme.CA, trusting: ssl.SSLContext, wish: TurnTaking, detection: Json
) -> None:
    agent = msgspec.structs.replace(an_agent(), turn_taking=wish)
    config = session_config(a_call(agent=agent))
    async with (
        asyncio.timeout(10),
        little_gemini(certificates) as gemini,
        client_of(gemini, trusting).connect(config, lambda: NOW_MS),
    ):
        await gemini.set_up.wait()

    [message] = gemini.setups
    asked = in_camel_case(message["setup"])["realtimeInputConfig"]
    assert asked["automaticActivityDetection"] == detection


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({}, {}),
        ({"temperature": 0.0}, {"temperature": 0.0}),
        ({"temperature": 1.5}, {"temperature": 1.5}),
        (
            {"model": "gemini-3.8-live-extended-thinking"},
            {"thinkingConfig": {"thinkingLevel": "LOW"}},
        ),
        (
            {"model": "gemini-3.8-live-extended-thinking", "thinking": "minimal"},
            {"thinkingConfig": {"thinkingLevel": "MINIMAL"}},
        ),
    ],
)
async def test_settings_of_the_model_are_asked_for_on_the_wire(
    certificates: trustme.CA, trusting: ssl.SSLContext, changes: Json, asked: Json
) -> None:
    """A model that can't think refuses any thinking level, even an empty one."""
    agent = msgspec.structs.replace(an_agent(), **changes)
    async with (
        asyncio.timeout(10),
        little_gemini(certificates) as gemini,
        client_of(gemini, trusting).connect(session_config(a_call(agent=agent)), lambda: NOW_MS),
    ):
        await gemini.set_up.wait()

    [message] = gemini.setups
    generation = in_camel_case(message["setup"])["generationConfig"]
    settings = ("temperature", "thinkingConfig")
    assert {name: generation[name] for name in settings if name in generation} == asked


@pytest.mark.parametrize(("wish", "asked"), [(False, []), (True, [{"googleSearch": {}}])])
async def test_google_search_is_asked_for_beside_the_functions(
    certificates: trustme.CA, trusting: ssl.SSLContext, wish: bool, asked: list[Json]
) -> None:
    agent = msgspec.structs.replace(an_agent(), google_search=wish)
    async with (
        asyncio.timeout(10),
        little_gemini(certificates) as gemini,
        client_of(gemini, trusting).connect(session_config(a_call(agent=agent)), lambda: NOW_MS),
    ):
        await gemini.set_up.wait()

    [message] = gemini.setups
    tools = message["setup"]["tools"]
    assert [tool for tool in tools if "functionDeclarations" not in tool] == asked
    assert len(tools) == len(asked) + 1


async def test_what_was_found_by_searching_is_speech_like_any_other(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    data = base64.b64encode(PCM).decode()
    found = {"webSearchQueries": ["weather"], "searchEntryPoint": {"renderedContent": "<div>"}}
    blob = {"mimeType": "audio/pcm;rate=24000", "data": data}
    part: Json = {"inlineData": blob}
    spoken = {"modelTurn": {"parts": [part]}, "groundingMetadata": found}
    events, _ = await heard_from(certificates, trusting, saying({"serverContent": spoken}))
    assert events == [ModelSpeech(PCM)]


def in_camel_case(value: Any) -> Any:
    """Convert keys to camel case: the SDK writes some in snake case, and the service reads both."""
    if not isinstance(value, dict):
        return value
    return {
        re.sub("_([a-z])", lambda letter: letter[1].upper(), key): in_camel_case(inner)
        for key, inner in value.items()
    }


async def test_a_session_is_resumed_by_its_handle(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    config = session_config(a_call(), handle="h1")
    async with (
        asyncio.timeout(10),
        little_gemini(certificates) as gemini,
        client_of(gemini, trusting).connect(config, lambda: NOW_MS),
    ):
        await gemini.set_up.wait()

    assert gemini.setups[0]["setup"]["sessionResumption"] == {"handle": "h1"}


# Listening


async def test_a_handle_counts_while_it_can_be_resumed_by(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    updates: list[Json] = [
        {"newHandle": "h1", "resumable": True},
        {"resumable": False},
        {"newHandle": "", "resumable": True},
        {"newHandle": "h2", "resumable": False},
    ]
    messages = [{"sessionResumptionUpdate": update} for update in updates]

    events, _ = await heard_from(certificates, trusting, saying(*messages))

    assert events == [ResumptionUpdated(NOW_MS, "h1")]


@pytest.mark.parametrize(
    ("told", "left_ms"),
    [
        ({"timeLeft": "50s"}, 50_000.0),
        ({"timeLeft": "0.5s"}, 500.0),
        ({}, 0.0),
        ({"timeLeft": "soon"}, 0.0),
    ],
)
async def test_a_go_away_says_how_much_time_is_left(
    certificates: trustme.CA, trusting: ssl.SSLContext, told: Json, left_ms: float
) -> None:
    events, _ = await heard_from(certificates, trusting, saying({"goAway": told}))

    assert events == [GoAwayReceived(NOW_MS, left_ms)]


async def test_one_message_gives_its_events_in_the_order_that_matters(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    everything: Json = {
        "serverContent": {
            "turnComplete": True,
            "generationComplete": True,
            "outputTranscription": {"text": "Good"},
            "inputTranscription": {"text": "hello"},
            "modelTurn": {
                "parts": [
                    {
                        "inlineData": {
                            "mimeType": "audio/pcm;rate=24000",
                            "data": base64.b64encode(PCM).decode(),
                        }
                    }
                ]
            },
            "interrupted": True,
        },
        "usageMetadata": {
            "promptTokenCount": 30,
            "responseTokenCount": 12,
            "totalTokenCount": 42,
            "thoughtsTokenCount": 3,
            "promptTokensDetails": [
                {"modality": "AUDIO", "tokenCount": 20},
                {"modality": "TEXT", "tokenCount": 10},
            ],
            "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 12}],
        },
    }

    events, _ = await heard_from(certificates, trusting, saying(everything))

    assert events == [
        ModelInterrupted(NOW_MS),
        ModelSpeech(PCM),
        TranscriptReceived(NOW_MS, Speaker.CALLER, "hello"),
        TranscriptReceived(NOW_MS, Speaker.AGENT, "Good"),
        GenerationCompleted(NOW_MS),
        UsageReported(
            NOW_MS,
            Usage(
                reports=1,
                prompt={"AUDIO": 20, "TEXT": 10},
                response={"AUDIO": 12},
                thoughts=3,
                total=42,
            ),
        ),
        TurnCompleted(NOW_MS),
    ]


async def test_thoughts_and_text_are_not_spoken(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    data = base64.b64encode(PCM).decode()
    parts: list[Json] = [
        {"text": "The caller wants something.", "thought": True},
        {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}, "thought": True},
        {"text": "Hm."},
        {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}},
    ]

    events, _ = await heard_from(
        certificates, trusting, saying({"serverContent": {"modelTurn": {"parts": parts}}})
    )

    assert events == [ModelSpeech(PCM)]


async def test_tool_calls_and_their_cancellation_are_events(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    events, _ = await heard_from(
        certificates,
        trusting,
        saying(
            {
                "toolCall": {
                    "functionCalls": [
                        {"id": "1", "name": "lookup_account", "args": {"account_number": "7"}},
                        {"id": "2", "name": "end_call"},
                        {"name": "no_id"},
                    ]
                }
            },
            {"toolCallCancellation": {"ids": ["1", "2"]}},
        ),
    )

    assert events == [
        ToolCallRequested(NOW_MS, "1", "lookup_account", {"account_number": "7"}, blocks=True),
        ToolCallRequested(NOW_MS, "2", "end_call", {}),
        ToolCallCancelled(NOW_MS, ("1", "2")),
    ]


async def test_a_session_goes_on_after_the_end_of_a_turn(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    events, _ = await heard_from(certificates, trusting, saying(*[TURN_COMPLETE] * 3))

    assert events == [TurnCompleted(NOW_MS)] * 3


async def test_a_model_that_says_its_status_ends_its_turn_when_it_is_idle(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    going_on: Json = {"turnComplete": True, "interactionStatus": "IN_PROGRESS"}
    idle: Json = {"turnComplete": True, "interactionStatus": "IDLE"}
    script = saying({"serverContent": going_on}, {"serverContent": idle})

    events, _ = await heard_from(certificates, trusting, script)

    assert events == [TurnCompleted(NOW_MS)]


@pytest.mark.parametrize(
    "message",
    [
        {"neverHeardOf": {"a": 1}},
        {"error": {"message": "something"}},
        {"goAway": {"timeLeft": "50s"}},
        {"sessionResumptionUpdate": {"newHandle": "h", "resumable": True}},
        {"serverContent": {"newField": 1, "interimInputTranscription": {"text": "hel"}}},
        {"serverContent": {}},
        {"serverContent": {"modelTurn": {}}},
        {"toolCall": {}},
        {"toolCallCancellation": {}},
        {"voiceActivity": {"voiceActivityType": "ACTIVITY_START"}},
        {"usageMetadata": {}, "newKey": 1},
        {},
        b"",
    ],
    ids=repr,
)
async def test_a_message_we_do_not_know_is_survived(
    certificates: trustme.CA, trusting: ssl.SSLContext, message: Json | bytes
) -> None:
    events, _ = await heard_from(certificates, trusting, saying(message, TURN_COMPLETE))

    assert events[-1] == TurnCompleted(NOW_MS)


@pytest.mark.parametrize(
    "message",
    ["not JSON", "[1]", "5", '"x"', '{"serverContent":5}', '{"toolCall":"x"}', b"\xff\xfe",
     '{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"data":"***"}}]}}}',
     '{"serverContent":{"modelTurn":{"parts":5}}}'],
    ids=repr,
)  # fmt: skip
async def test_a_message_that_makes_no_sense_is_survived_or_ends_the_session_and_nothing_else(
    certificates: trustme.CA, trusting: ssl.SSLContext, message: str | bytes
) -> None:
    events, ended = await heard_from(certificates, trusting, saying(message, TURN_COMPLETE))

    assert events in ([], [TurnCompleted(NOW_MS)]), str(ended)


async def test_half_a_surrogate_pair_becomes_a_replacement_character(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    """Otherwise the encoders for the tool, the store and the log would all refuse it."""
    events, _ = await heard_from(
        certificates,
        trusting,
        saying(
            r'{"serverContent":{"inputTranscription":{"text":"a \ud83d"}}}',
            r'{"serverContent":{"outputTranscription":{"text":"\uD83D\uDE00 \uDE00"}}}',
            r'{"toolCall":{"functionCalls":[{"id":"f1","name":"f","args":{"\udc00":["\ud83d"]}}]}}',
            b'{"sessionResumptionUpdate":{"newHandle":"h\xed\xa0\xbd","resumable":true}}',
        ),
    )

    assert events == [
        TranscriptReceived(NOW_MS, Speaker.CALLER, "a �"),
        TranscriptReceived(NOW_MS, Speaker.AGENT, "😀 �"),
        ToolCallRequested(NOW_MS, "f1", "f", {"�": ["�"]}),
        ResumptionUpdated(NOW_MS, "h���"),
    ]


async def test_a_message_that_is_nested_too_deeply_is_ignored(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    deep = '{"newKey":' + "[" * 100_000 + "]" * 100_000 + "}"

    events, _ = await heard_from(certificates, trusting, saying(deep, TURN_COMPLETE))

    assert events == [TurnCompleted(NOW_MS)]


@pytest.mark.parametrize("code", [1000, 1007, 1008, 1011])
async def test_every_close_in_a_session_tells_its_code(
    certificates: trustme.CA, trusting: ssl.SSLContext, code: int
) -> None:
    events, ended = await heard_from(
        certificates, trusting, saying(TURN_COMPLETE, code=code, reason="Because.")
    )

    assert events == [TurnCompleted(NOW_MS)]
    assert ended.code == code


async def test_a_connection_that_is_cut_tells_1006(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    async def cut(gemini: LittleGemini, socket: ServerConnection) -> None:
        await send(socket, READY)
        socket.transport.abort()

    _, ended = await heard_from(certificates, trusting, cut)

    assert ended.code == 1006


async def test_a_large_chunk_is_taken(certificates: trustme.CA, trusting: ssl.SSLContext) -> None:
    """20 s of speech in one message, 1.3 MB on the wire."""
    pcm = PCM * 500
    data = {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(pcm).decode()}
    message = {"serverContent": {"modelTurn": {"parts": [{"inlineData": data}]}}}

    events, _ = await heard_from(certificates, trusting, saying(message))

    assert events == [ModelSpeech(pcm)]


# Speaking


async def sent_by(
    certificates: trustme.CA,
    trusting: ssl.SSLContext,
    send_it: Callable[[ModelSession], Awaitable[None]],
) -> list[Json]:
    async with asyncio.timeout(10), little_gemini(certificates) as gemini:
        async with client_of(gemini, trusting).connect(CONFIG, lambda: NOW_MS) as session:
            await send_it(session)
        await gemini.gone.wait()
    return gemini.received


async def test_audio_goes_up_with_its_rate(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    async def send_audio(session: ModelSession) -> None:
        assert session.send_audio(PCM)
        sending = asyncio.create_task(session.send_waiting())
        await asyncio.sleep(0.1)
        sending.cancel()

    [message] = await sent_by(certificates, trusting, send_audio)

    audio = message["realtime_input"]["audio"]
    mime_type = audio.get("mime_type") or audio.get("mimeType")
    assert mime_type == "audio/pcm;rate=16000"
    assert base64.urlsafe_b64decode(audio["data"]) == PCM  # the SDK uses the URL-safe alphabet


async def test_text_goes_up_as_realtime_input(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    """At the start of a call, 3.x models reply to no other kind of text."""
    [message] = await sent_by(certificates, trusting, lambda session: session.send_text("Greet."))

    assert message["realtime_input"] == {"text": "Greet."}


async def test_a_picture_goes_up_as_a_frame(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    """The Gemini Live stand-in, which is strict about frames, accepts it, too."""
    jpeg = picture("label")

    [message] = await sent_by(certificates, trusting, lambda session: session.send_image(jpeg))

    assert read(json.dumps(message), model="gemini-3.8-live") == VideoInput("label")
    assert in_camel_case(message)["realtimeInput"]["video"]["mimeType"] == "image/jpeg"


async def test_new_instructions_go_up_as_a_context_update(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    [message] = await sent_by(
        certificates, trusting, lambda session: session.update_context("Offer the discount.")
    )

    update = in_camel_case(message)["contextUpdate"]
    assert "Offer the discount." in str(update["systemInstruction"])


@pytest.mark.parametrize(
    ("answer", "wish", "response", "scheduling"),
    [
        (ToolAnswer(output={"a": 1}), None, {"output": {"a": 1}}, None),
        (ToolAnswer(output={}), "silent", {"output": {}}, "SILENT"),
        (ToolAnswer(output={}), "when_idle", {"output": {}}, "WHEN_IDLE"),
        (
            ToolAnswer.failed("No.", retryable=True),
            None,
            {"error": "No.", "retryable": True},
            None,
        ),
    ],
)
async def test_a_tool_answer_carries_its_calls_id(
    certificates: trustme.CA,
    trusting: ssl.SSLContext,
    answer: ToolAnswer,
    wish: Scheduling | None,
    response: Json,
    scheduling: str | None,
) -> None:
    [message] = await sent_by(
        certificates,
        trusting,
        lambda session: session.send_tool_response("7", "lookup", answer, wish),
    )

    tool_response = message.get("tool_response") or message["toolResponse"]
    [function] = tool_response["functionResponses"]
    assert (function["id"], function["name"]) == ("7", "lookup")
    assert function["response"] == response
    assert function.get("scheduling") == scheduling


async def test_sending_into_a_session_that_is_gone_is_a_model_error(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    async with (
        asyncio.timeout(10),
        little_gemini(certificates, saying()) as gemini,
        client_of(gemini, trusting).connect(CONFIG, lambda: NOW_MS) as session,
    ):
        await gemini.gone.wait()
        with pytest.raises(ModelError):
            async for _ in session.receive():
                pass
        session.send_audio(PCM)
        with pytest.raises(ModelError):
            await session.send_waiting()


async def test_leaving_the_session_closes_it(
    certificates: trustme.CA, trusting: ssl.SSLContext
) -> None:
    async with asyncio.timeout(10), little_gemini(certificates, until_closed) as gemini:
        async with client_of(gemini, trusting).connect(CONFIG, lambda: NOW_MS):
            assert not gemini.gone.is_set()
        await gemini.gone.wait()

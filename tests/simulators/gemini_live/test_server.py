"""The server over TLS, with the real SDK and with a bare WebSocket."""

import asyncio
import contextlib
import json
import ssl
from typing import Any

import numpy as np
import pytest
from google.genai import errors, types
from websockets.asyncio.client import ClientConnection, connect as connect_bare
from websockets.exceptions import ConnectionClosed, InvalidStatus

from simulators.gemini_live.faults import (
    AbortConnection,
    After,
    Close,
    DelaySetup,
    Fault,
    ForgetHandles,
    ForgetSession,
    GoingAway,
    Moment,
    RefuseLongSetup,
    RefuseSetup,
    RefuseUpgrade,
    SendMessage,
    Stall,
    WithholdSetup,
)
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.gemini_live.messages import OUTPUT_HZ
from simulators.gemini_live.refusals import KNOWN_REFUSALS
from simulators.gemini_live.scenario import Pace, PlannedCall, Reply, Scenario, Turn
from simulators.gemini_live.server import GeminiLiveServer
from simulators.speech.alignment import align
from simulators.speech.pcm import from_bytes
from simulators.speech.synthesis import synthesize
from tests.simulators.gemini_live.sdk_client import INPUT_HZ, connect, listening

SCENARIO = Scenario(
    greeting=Reply(say="Hello."),
    turns=(
        Turn("name", Reply(say="Hello Anna."), heard=("my name is Anna",)),
        Turn(
            "ask name",
            Reply(say="Anna."),
            heard=("what is my name",),
            needs="name",
            forgotten="I forgot.",
        ),
        Turn(
            "balance",
            Reply(
                say="Wait.",
                calls=(PlannedCall("look_up", {"number": "12"}),),
                then="It is {balance}.",
            ),
            heard=("what is my balance",),
        ),
        Turn(
            "long",
            Reply(say="This is a long answer, and nobody will listen to it until its very end."),
            heard=("tell me more",),
        ),
    ),
    unknown=Reply(say="Pardon?"),
    decoys=("what is my number",),
    pace=Pace(thinking_ms=20, speed=20),
)
LOOK_UP = {"name": "look_up", "description": "Looks it up."}
NUMBER = {
    "type": "object",
    "properties": {"number": {"type": "string"}},
    "required": ["number"],
}
DEVELOPER_PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
VERTEX_PATH = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
SETUP = '{"setup":{"model":"models/gemini-3.8-live"}}'


def bare(server: GeminiLiveServer, path: str, **headers: str) -> Any:
    """Open a WebSocket without any SDK."""
    tls = ssl.create_default_context(cafile=server.ca_file)
    url = server.base_url.replace("https", "wss") + path
    return connect_bare(url, ssl=tls, additional_headers=headers)


async def closing(socket: ClientConnection) -> tuple[int, str]:
    """Code and reason with which the server closes."""
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.recv()
    assert socket.close_code is not None
    return socket.close_code, socket.close_reason or ""


async def test_greets(gemini_live_server: GeminiLiveServerFactory) -> None:
    server = await gemini_live_server(SCENARIO)
    async with listening(server, system_instruction="Be brief.") as listener:
        await listener.session.send_realtime_input(text="Greet the caller.")
        await listener.until(lambda seen: seen.content("turn_complete"))
        assert listener.text("output_transcription") == "Hello."
        assert listener.content("generation_complete") == [True]
        expected = synthesize("Hello.", rate_hz=OUTPUT_HZ, voice=SCENARIO.voice)
        assert np.array_equal(from_bytes(bytes(listener.audio)), expected)
        usage = [m.usage_metadata for m in listener.messages if m.usage_metadata]
        assert usage[0].response_token_count
    record = await server.session(1)
    await record.wait_until(lambda seen: seen.closed)
    assert record.setup
    assert record.setup.system_instruction == "Be brief."
    assert record.setup_message["model"] == "models/gemini-3.8-live"
    assert [entry.kind for entry in record.received] == ["setup", "realtime_input"]
    assert record.close_code == 1000
    (turn,) = record.turns
    assert np.array_equal(record.said_in(turn), expected)


async def test_hears_and_answers(gemini_live_server: GeminiLiveServerFactory) -> None:
    server = await gemini_live_server(SCENARIO)
    async with listening(server) as listener:
        await listener.say("My name is Anna.")
        await listener.until(lambda seen: seen.content("turn_complete"))
        assert listener.text("input_transcription") == "my name is anna"
        assert listener.text("output_transcription") == "Hello Anna."
    (record,) = server.sessions
    (utterance,) = record.utterances
    assert utterance.phrase == "my name is anna"
    source = synthesize("My name is Anna.", rate_hz=INPUT_HZ)
    result = align(source, record.heard_pcm, rate_hz=INPUT_HZ, received_hz=record.heard_hz)
    assert result.intact, result.why
    sizes = [e.audio_bytes for e in record.received if e.kind == "realtime_input.audio"]
    assert sum(sizes) == 2 * len(record.heard_pcm)


async def test_decoys_are_not_understood(gemini_live_server: GeminiLiveServerFactory) -> None:
    server = await gemini_live_server(SCENARIO)
    async with listening(server) as listener:
        await listener.say("What is my number?")
        await listener.until(lambda seen: seen.content("turn_complete"))
        assert listener.text("output_transcription") == "Pardon?"


@pytest.mark.parametrize("declared", [{}, {"parameters_json_schema": NUMBER}])
async def test_a_tool_whose_parameters_the_model_does_not_know_is_called_without_arguments(
    gemini_live_server: GeminiLiveServerFactory, declared: dict[str, Any]
) -> None:
    """Models before 3.x ignore a JSON schema."""
    server = await gemini_live_server(SCENARIO)
    tools = [{"function_declarations": [LOOK_UP | declared]}]
    async with listening(server, tools=tools) as listener:
        await listener.say("What is my balance?")
        await listener.until(lambda seen: seen.calls)
    (call,) = listener.calls
    assert (call.name, call.args) == ("look_up", {})


async def test_a_session_cannot_be_resumed_while_it_is_open(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    server = await gemini_live_server(SCENARIO)
    async with listening(server) as listener:
        await listener.session.send_realtime_input(text="Greet the caller.")
        await listener.until(lambda seen: seen.handles)
        with pytest.raises(errors.APIError, match="1011"):
            async with connect(server, session_resumption={"handle": listener.handles[-1]}):
                pass


async def test_unknown_and_forgotten_handles(gemini_live_server: GeminiLiveServerFactory) -> None:
    server = await gemini_live_server(SCENARIO, [Fault(ForgetHandles(), session=1)])
    async with listening(server) as listener:
        await listener.session.send_realtime_input(text="Greet the caller.")
        await listener.until(lambda seen: seen.handles)
    await server.sessions[0].wait_until(lambda seen: seen.closed)
    for handle in (listener.handles[-1], "never-given"):
        with pytest.raises(errors.APIError, match="1007"):
            async with connect(server, session_resumption={"handle": handle}):
                pass


async def test_a_session_may_be_resumed_without_its_memory(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    server = await gemini_live_server(SCENARIO, [Fault(ForgetSession(), session=2)])
    async with listening(server) as listener:
        await listener.say("My name is Anna.")
        await listener.until(lambda seen: seen.handles)
    await server.sessions[0].wait_until(lambda seen: seen.closed)
    again = {"session_resumption": {"handle": listener.handles[-1]}}
    async with listening(server, **again) as listener:
        await listener.say("What is my name?")
        await listener.until(lambda seen: seen.content("turn_complete"))
    assert listener.text("output_transcription") == "I forgot."


async def test_a_reported_history(gemini_live_server: GeminiLiveServerFactory) -> None:
    server = await gemini_live_server(SCENARIO)
    turns: list[types.ContentDict] = [
        {"role": "user", "parts": [{"text": "My name is Anna."}]},
        {"role": "model", "parts": [{"text": "Hello Anna."}]},
    ]
    async with listening(server) as listener:
        await listener.session.send_client_content(turns=[*turns], turn_complete=False)
        await listener.say("What is my name?")
        await listener.until(lambda seen: seen.content("turn_complete"))
        assert listener.text("output_transcription") == "Anna."


async def test_an_initial_history_is_not_answered_before_the_talk_begins(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    server = await gemini_live_server(SCENARIO)
    greet: types.ContentDict = {"role": "user", "parts": [{"text": "Greet the caller."}]}
    history = {"initial_history_in_client_content": True}
    async with listening(server, history_config=history) as listener:
        await listener.session.send_client_content(turns=[greet], turn_complete=True)
        await listener.say("My name is Anna.")
        await listener.until(lambda seen: seen.content("turn_complete"))
        assert listener.text("output_transcription") == "Hello Anna."


async def test_a_text_without_words_has_the_initial_history_answered(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    server = await gemini_live_server(SCENARIO)
    greet: types.ContentDict = {"role": "user", "parts": [{"text": "Greet the caller."}]}
    history = {"initial_history_in_client_content": True}
    async with listening(server, history_config=history) as listener:
        await listener.session.send_client_content(turns=[greet], turn_complete=True)
        await listener.session.send_realtime_input(text=" ")
        await listener.until(lambda seen: seen.content("turn_complete"))
        assert listener.text("output_transcription") == "Hello."


async def test_a_function_whose_arguments_are_all_optional(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    """The SDK declares it with `required: []`."""

    def look_up(number: str = "12") -> str:
        return number

    declaration = types.FunctionDeclaration.from_callable_with_api_option(
        callable=look_up, api_option="GEMINI_API"
    )
    server = await gemini_live_server(SCENARIO)
    async with listening(server, tools=[{"function_declarations": [declaration]}]) as listener:
        await listener.say("What is my balance?")
        await listener.until(lambda seen: seen.calls)
    [declared] = server.sessions[0].setup_message["tools"][0]["functionDeclarations"]
    assert declared["parameters"]["required"] == []


async def test_a_context_update(gemini_live_server: GeminiLiveServerFactory) -> None:
    server = await gemini_live_server(SCENARIO)
    async with listening(server) as listener:
        await listener.session.send_context_update(system_instruction="Be kind.", tools=[])
        record = await server.session(1)
        await record.wait_until(lambda seen: seen.received[-1].kind == "contextUpdate")
        content = record.received[-1].content
        assert content["systemInstruction"]["parts"] == [{"text": "Be kind."}]


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"model": "gemini-0-live"}, 1008),
        ({"speech_config": {"voice_config": {"prebuilt_voice_config": {"voice_name": "X"}}}}, 1007),
        ({"proactivity": {"proactive_audio": False}}, 1007),
        ({"response_modalities": ["TEXT"]}, 1007),
        ({"api_key": "wrong"}, 1007),
    ],
)
async def test_refuses_a_session(
    gemini_live_server: GeminiLiveServerFactory, config: dict[str, Any], code: int
) -> None:
    server = await gemini_live_server(SCENARIO)
    with pytest.raises(errors.APIError, match=str(code)):
        async with connect(server, **config):
            pass
    await server.sessions[0].wait_until(lambda seen: seen.close_code == code)
    assert server.sessions[0].closed_by_server


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('{"realtime_input":{"audio":{"data":"???","mime_type":"audio/pcm"}}}', 1007),
        ('{"realtime_input":{"tune":"la"}}', 1007),
        ('{"realtime_input":{"activityStart":{}}}', 1007),
        ('{"tool_response":{"functionResponses":[{"id":"1","name":"f","response":{}}]}}', 1008),
        (SETUP, 1007),
        ("no json", 1007),
    ],
)
async def test_ends_a_session_that_breaks_the_rules(
    gemini_live_server: GeminiLiveServerFactory, message: str, code: int
) -> None:
    server = await gemini_live_server(SCENARIO)
    async with bare(server, DEVELOPER_PATH, **{"x-goog-api-key": "stand-in-key"}) as socket:
        await socket.send(SETUP)
        assert isinstance(await socket.recv(), bytes), "JSON must be sent in binary frames"
        await socket.send(message)
        assert (await closing(socket))[0] == code


async def test_the_key_may_stand_in_the_query(gemini_live_server: GeminiLiveServerFactory) -> None:
    server = await gemini_live_server(SCENARIO)
    async with bare(server, f"{DEVELOPER_PATH}?key=stand-in-key") as socket:
        await socket.send(SETUP)
        assert "setupComplete" in json.loads(await socket.recv())
    assert server.sessions[0].path == DEVELOPER_PATH, "records must not contain keys"


@pytest.mark.parametrize("path", [DEVELOPER_PATH, f"/{DEVELOPER_PATH}"])
async def test_a_path_may_begin_with_two_slashes(
    gemini_live_server: GeminiLiveServerFactory, path: str
) -> None:
    """JavaScript's SDK sends two."""
    server = await gemini_live_server(SCENARIO)
    async with bare(server, path, **{"x-goog-api-key": "stand-in-key"}) as socket:
        await socket.send(SETUP)
        assert "setupComplete" in json.loads(await socket.recv())


async def test_no_key(gemini_live_server: GeminiLiveServerFactory) -> None:
    server = await gemini_live_server(SCENARIO)
    async with bare(server, DEVELOPER_PATH) as socket:
        await socket.send(SETUP)
        code, reason = await closing(socket)
    assert code == 1008
    assert "unregistered callers" in reason


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/ws/elsewhere", {"x-goog-api-key": "stand-in-key"}, 404),
        (f"//{DEVELOPER_PATH}", {"x-goog-api-key": "stand-in-key"}, 404),
        (f"/{VERTEX_PATH}", {}, 401),
        (VERTEX_PATH, {}, 401),
        (VERTEX_PATH, {"Authorization": "Bearer wrong"}, 401),
    ],
)
async def test_refused_handshakes(
    gemini_live_server: GeminiLiveServerFactory, path: str, headers: dict[str, str], status: int
) -> None:
    server = await gemini_live_server(SCENARIO)
    with pytest.raises(InvalidStatus) as refused:
        async with bare(server, path, **headers):
            pass
    assert refused.value.response.status_code == status


@pytest.mark.parametrize("with_id", [True, False])
async def test_calls_of_gemini_3_8_on_vertex_have_ids_and_need_them(
    gemini_live_server: GeminiLiveServerFactory, with_id: bool
) -> None:
    server = await gemini_live_server(SCENARIO)
    function = {**LOOK_UP, "parameters": NUMBER, "behavior": "BLOCKING"}
    setup = {
        "model": "projects/p/locations/l/publishers/google/models/gemini-3.8-live",
        "tools": [{"functionDeclarations": [function]}],
    }
    async with bare(server, VERTEX_PATH, Authorization="Bearer stand-in-token") as socket:
        await socket.send(json.dumps({"setup": setup}))
        [record] = server.sessions
        await socket.send('{"realtimeInput":{"text":"Greet the caller."}}')
        await record.wait_until(lambda seen: len(seen.turns) == 1)
        await socket.send('{"realtimeInput":{"text":"What is my balance?"}}')
        calls: list[dict[str, Any]] = []
        while not calls:
            calls = json.loads(await socket.recv()).get("toolCall", {}).get("functionCalls", [])
        response = {"name": "look_up", "response": {"balance": 42}}
        if with_id:
            response["id"] = calls[0]["id"]
        await socket.send(json.dumps({"toolResponse": {"functionResponses": [response]}}))
        await socket.send('{"realtimeInput":{"text":"My name is Anna."}}')
        await record.wait_until(lambda seen: "Hello Anna." in [turn.text for turn in seen.turns])
    assert [problem.text for problem in record.problems] == (
        [] if with_id else ["the response to look_up has no id, and is lost"]
    )


async def test_faults_at_the_door(gemini_live_server: GeminiLiveServerFactory) -> None:
    faults = [
        Fault(RefuseUpgrade(503), session=1),
        Fault(WithholdSetup(), session=2),
        Fault(DelaySetup(0.05), session=3),
    ]
    server = await gemini_live_server(SCENARIO, faults)
    with pytest.raises(InvalidStatus):
        async with connect(server):
            pass
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2.0), connect(server):
            pass
    async with connect(server) as session:
        assert session.session_id == "session-3"
    assert [record.number for record in server.sessions] == [1, 2, 3]


@pytest.mark.parametrize("why", KNOWN_REFUSALS)
async def test_refuses_every_session_for_a_known_reason(
    gemini_live_server: GeminiLiveServerFactory, why: str
) -> None:
    server = await gemini_live_server(SCENARIO, [Fault(RefuseSetup(why))])
    with pytest.raises(errors.APIError) as refused:
        async with connect(server):
            pass
    assert (refused.value.code, refused.value.details) == KNOWN_REFUSALS[why]


async def test_refuses_instructions_that_are_too_long(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    server = await gemini_live_server(SCENARIO, [Fault(RefuseLongSetup(characters=20))])
    with pytest.raises(errors.APIError, match="1007"):
        async with connect(server, system_instruction="x" * 21):
            pass
    async with connect(server, system_instruction="x" * 20):
        pass


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(Close(1011, "Broken."), After(Moment.AUDIO_CHUNKS, 3)), 1011),
        (Fault(AbortConnection(), After(Moment.AUDIO_CHUNKS, 3)), 1006),
        (Fault(GoingAway(0.1), After(Moment.TURNS, 1)), 1000),
        (Fault(Close(1008, "Policy."), After(Moment.SECONDS, 0.2)), 1008),
    ],
)
async def test_faults_that_end_a_session(
    gemini_live_server: GeminiLiveServerFactory, fault: Fault, code: int
) -> None:
    server = await gemini_live_server(SCENARIO, [fault])
    async with listening(server) as listener:
        await listener.session.send_realtime_input(text="Greet the caller.")
        await listener.until(lambda seen: seen.ended)
        assert listener.ended
        assert listener.ended.code == code
    await server.sessions[0].wait_until(lambda seen: seen.close_code == code)
    assert server.sessions[0].closed_by_server


async def test_an_unknown_message(gemini_live_server: GeminiLiveServerFactory) -> None:
    server = await gemini_live_server(SCENARIO, [Fault(SendMessage())])
    async with connect(server) as session:
        with pytest.raises((TypeError, errors.APIError)):
            async for _ in session.receive():
                pass


async def test_a_deaf_stall_makes_sending_block(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    server = await gemini_live_server(SCENARIO, [Fault(Stall(deaf=True))])
    message = json.dumps({"realtimeInput": {"text": "x" * 1_000_000}})
    async with bare(server, f"{DEVELOPER_PATH}?key=stand-in-key") as socket:
        await socket.send(SETUP)

        async def talk() -> None:
            while True:
                await socket.send(message)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(talk(), timeout=1)
        socket.transport.abort()

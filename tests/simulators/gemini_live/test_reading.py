"""Client messages: what is accepted, and what is refused with which code."""

import base64
import json
from typing import Any

import pytest

from simulators.gemini_live.messages import (
    ActivityEnded,
    ActivitySettings,
    ActivityStarted,
    AudioInput,
    AudioStreamEnded,
    Behavior,
    ClientContent,
    ClientMessage,
    ContextUpdate,
    HistoryTurn,
    Scheduling,
    Setup,
    TextInput,
    ToolDeclaration,
    ToolResponse,
    ToolResponses,
    VideoInput,
)
from simulators.gemini_live.reading import read
from simulators.gemini_live.refusals import Refused
from simulators.gemini_live.setup_rules import EXTENDED_THINKING, LIVE
from simulators.pictures import picture

LABEL = picture("label")
PCM = b"\x00\x01\xff\xfe" * 80
SETUP: dict[str, Any] = {
    "model": f"models/{LIVE}",
    "generationConfig": {
        "responseModalities": ["AUDIO"],
        "temperature": 0.7,
        "speechConfig": {
            "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}},
            "languageCode": "en-US",
        },
    },
    "systemInstruction": {"parts": [{"text": "Be brief."}], "role": "user"},
    "tools": [
        {
            "functionDeclarations": [
                {
                    "name": "look_up",
                    "description": "Looks it up.",
                    "parameters": {
                        "type": "OBJECT",
                        "properties": {"number": {"type": "STRING"}},
                        "required": ["number"],
                    },
                },
                {"name": "wait", "behavior": "BLOCKING"},
            ]
        }
    ],
    "sessionResumption": {"handle": "H"},
    "inputAudioTranscription": {},
    "outputAudioTranscription": {"languageCodes": ["en-US"]},
    "realtimeInputConfig": {
        "automaticActivityDetection": {
            "startOfSpeechSensitivity": "START_SENSITIVITY_LOW",
            "endOfSpeechSensitivity": "END_SENSITIVITY_HIGH",
            "prefixPaddingMs": 60,
            "silenceDurationMs": 700,
        },
        "activityHandling": "NO_INTERRUPTION",
    },
    "contextWindowCompression": {"triggerTokens": "25600", "slidingWindow": {}},
}


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def take(message: object) -> ClientMessage:
    return read(json.dumps(message), model=LIVE)


def set_up(*, vertex: bool = False, **changes: Any) -> Setup:
    message = read(json.dumps({"setup": SETUP | changes}), vertex=vertex)
    assert isinstance(message, Setup)
    return message


def with_tool(**declaration: Any) -> dict[str, Any]:
    return {"tools": [{"functionDeclarations": [{"name": "look_up"} | declaration]}]}


def test_a_whole_setup() -> None:
    assert set_up() == Setup(
        model=LIVE,
        voice="Kore",
        system_instruction="Be brief.",
        tools=(
            ToolDeclaration("look_up", Behavior.NON_BLOCKING),
            ToolDeclaration("wait", Behavior.BLOCKING, has_parameters=False),
        ),
        activity=ActivitySettings(
            interrupts=False, sensitive_start=False, prefix_padding_ms=60, silence_ms=700
        ),
        input_transcription=True,
        output_transcription=True,
        resumption=True,
        handle="H",
    )


def test_a_small_setup() -> None:
    message = read(b'{"setup":{"model":"models/gemini-3.8-live"}}')
    assert message == Setup(model=LIVE)


def test_a_setup_in_snake_case() -> None:
    message = read(
        json.dumps(
            {
                "setup": {
                    "model": f"models/{LIVE}",
                    "generation_config": {"response_modalities": ["AUDIO"]},
                    "session_resumption": {},
                    "realtime_input_config": {"automatic_activity_detection": {"disabled": True}},
                }
            }
        )
    )
    expected = Setup(model=LIVE, resumption=True, activity=ActivitySettings(automatic=False))
    assert message == expected


VERTEX_MODELS = "projects/p/locations/l/publishers/google/models"
VERTEX_MODEL = f"{VERTEX_MODELS}/gemini-live-2.5-flash-native-audio"


def test_a_vertex_model_name() -> None:
    setup = set_up(model=VERTEX_MODEL, vertex=True, tools=[])
    assert setup.model == "gemini-live-2.5-flash-native-audio"


@pytest.mark.parametrize(
    ("model", "vertex", "code"),
    [
        (f"models/{LIVE}", True, 1007),
        (f"{VERTEX_MODELS}/{EXTENDED_THINKING}", True, 1008),
        ("models/gemini-3.1-flash-live-preview", False, 1008),
        ("publishers/google/models/gemini-live-2.5-flash-native-audio", True, 1007),
        (VERTEX_MODEL, False, 1007),
        ("models/gemini-live-2.5-flash-native-audio", False, 1008),
    ],
)
def test_each_api_has_its_own_models_and_names(model: str, vertex: bool, code: int) -> None:
    with pytest.raises(Refused) as refused:
        set_up(model=model, vertex=vertex)
    assert refused.value.code == code


def test_gemini_3_8_on_vertex() -> None:
    """Function calls have ids, and functions behave as declared."""
    setup = set_up(model=f"{VERTEX_MODELS}/{LIVE}", vertex=True, **with_tool(behavior="BLOCKING"))
    assert (setup.model, setup.needs_call_ids) == (LIVE, True)
    assert [tool.behavior for tool in setup.tools] == [Behavior.BLOCKING]
    response = {"id": "1", "name": "look_up", "response": {}, "scheduling": "SILENT"}
    message = json.dumps({"toolResponse": {"functionResponses": [response]}})
    expected = ToolResponses((ToolResponse("1", "look_up", {}, Scheduling.SILENT),))
    assert read(message, model=LIVE, vertex=True) == expected


def test_functions_of_gemini_2_5_on_vertex_block_and_have_no_field_for_it() -> None:
    plain: dict[str, Any] = {"tools": [{"functionDeclarations": [{"name": "look_up"}]}]}
    blocking = (ToolDeclaration("look_up", Behavior.BLOCKING, has_parameters=False),)
    assert set_up(model=VERTEX_MODEL, vertex=True, **plain).tools == blocking
    with pytest.raises(Refused, match="behavior"):
        set_up(model=VERTEX_MODEL, vertex=True, **with_tool(behavior="BLOCKING"))


@pytest.mark.parametrize("name", ["id", "scheduling"])
def test_gemini_2_5_on_vertex_does_not_know_the_field(name: str) -> None:
    answer = {"name": "look_up", "response": {}}
    message = {"toolResponse": {"functionResponses": [answer, answer | {name: "SILENT"}]}}
    with pytest.raises(Refused, match=rf'"{name}" at .*function_responses\[1\]'):
        read(json.dumps(message), model="gemini-live-2.5-flash-native-audio", vertex=True)


def test_an_empty_required_is_none() -> None:
    """To protobuf, empty and missing are the same, and Google's own SDK sends an empty one."""
    setup = set_up(**with_tool(parameters={"type": "OBJECT", "properties": {}, "required": []}))
    assert [tool.name for tool in setup.tools] == ["look_up"]


def test_an_initial_history_is_announced_in_the_setup() -> None:
    assert set_up(historyConfig={"initialHistoryInClientContent": True}).begins_with_history
    assert not set_up(historyConfig={}).begins_with_history


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            {
                "realtime_input": {
                    "audio": {"data": encoded(PCM), "mime_type": "audio/pcm;rate=8000"}
                }
            },
            AudioInput(PCM, 8_000),
        ),
        (
            {"realtimeInput": {"audio": {"data": encoded(PCM), "mimeType": "audio/pcm"}}},
            AudioInput(PCM, 16_000),
        ),
        (
            {"realtimeInput": {"audio": {"data": "_-8=", "mimeType": "audio/pcm; rate=16000"}}},
            AudioInput(b"\xff\xef", 16_000),
        ),
        (
            {"realtime_input": {"video": {"data": encoded(LABEL), "mime_type": "image/jpeg"}}},
            VideoInput("label"),
        ),
        ({"realtime_input": {"text": "hi"}}, TextInput("hi")),
        ({"realtime_input": {"activityStart": {}}}, ActivityStarted()),
        ({"realtimeInput": {"activity_end": {}}}, ActivityEnded()),
        ({"realtime_input": {"audioStreamEnd": True}}, AudioStreamEnded()),
        (
            {"client_content": {"turns": [{"parts": [{"text": "hi"}], "role": "user"}]}},
            ClientContent((HistoryTurn("user", "hi"),), turn_complete=False),
        ),
        ({"clientContent": {"turnComplete": True}}, ClientContent((), turn_complete=True)),
        (
            {
                "tool_response": {
                    "functionResponses": [
                        {"id": "1", "name": "f", "response": {"output": 1}, "scheduling": "SILENT"}
                    ]
                }
            },
            ToolResponses((ToolResponse("1", "f", {"output": 1}, Scheduling.SILENT),)),
        ),
        (
            {"contextUpdate": {"systemInstruction": {"parts": [{"text": "New."}]}}},
            ContextUpdate("New.", None),
        ),
        ({"contextUpdate": {"tools": {"tools": []}}}, ContextUpdate(None, ())),
    ],
)
def test_messages(message: object, expected: ClientMessage) -> None:
    assert take(message) == expected


def test_an_old_model_takes_media_chunks() -> None:
    chunk = {"mimeType": "audio/pcm;rate=16000", "data": encoded(PCM)}
    message = json.dumps({"realtime_input": {"mediaChunks": [chunk]}})
    older = "gemini-live-2.5-flash-native-audio"
    assert read(message, model=older) == AudioInput(PCM, 16_000)


AUDIO = {"data": encoded(PCM), "mime_type": "audio/pcm;rate=16000"}


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ({"setup": SETUP}, 1007, "setup must be the first message"),
        ({}, 1007, "Exactly one message type"),
        ([], 1007, "Invalid value at 'message'"),
        ({"weather": {}}, 1007, 'Unknown name "weather": Cannot find field'),
        ({"realtime_input": {"sound": {}}}, 1007, "Unknown name \"sound\" at 'realtime_input'"),
        ({"realtime_input": {}}, 1007, "exactly one input"),
        ({"realtime_input": {"text": "a", "audioStreamEnd": True}}, 1007, "exactly one input"),
        ({"realtime_input": {"text": 5}}, 1007, "'realtime_input.text' (TYPE_STRING), 5"),
        ({"realtime_input": {"audioStreamEnd": "yes"}}, 1007, "(TYPE_BOOL)"),
        (
            {"realtime_input": {"audio": AUDIO | {"data": "not base64!"}}},
            1007,
            "Base64 decoding failed",
        ),
        ({"realtime_input": {"audio": AUDIO | {"data": "AAAA"}}}, 1007, "even number of bytes"),
        (
            {"realtime_input": {"audio": AUDIO | {"mime_type": "audio/x-mulaw;rate=8000"}}},
            1007,
            "Unsupported mime type",
        ),
        ({"realtime_input": {"audio": {"data": "AAAA"}}}, 1007, "Unsupported mime type"),
        (
            {"realtime_input": {"audio": AUDIO | {"mime_type": "audio/pcm;rate=96000"}}},
            1007,
            "Unsupported sample rate",
        ),
        (
            {"realtime_input": {"video": {"data": "AAAA", "mime_type": "video/mp4"}}},
            1007,
            "Unsupported mime type",
        ),
        *(
            ({"realtime_input": {"video": {"data": encoded(data), "mime_type": kind}}}, 1007, why)
            for data, kind, why in (
                (b"no picture", "image/jpeg", "Unable to process input image"),
                (LABEL[:40_000], "image/jpeg", "Unable to process input image"),
                (LABEL, "image/png", "Unable to process input image"),
                (b"", "image/jpeg", "Unable to process input image"),
                (LABEL, "image/gif", "Unsupported mime type"),
                (LABEL, "", "Unsupported mime type"),
                (LABEL + bytes(2_100_000), "image/jpeg", "too large"),
            )
        ),
        ({"realtime_input": {"media_chunks": [AUDIO]}}, 1007, "media_chunks is deprecated"),
        (
            {"client_content": {"turns": [{"role": "system", "parts": []}]}},
            1007,
            "Please use a valid role",
        ),
        ({"client_content": {"turns": {"role": "user"}}}, 1007, "(TYPE_LIST)"),
        ({"tool_response": {"functionResponses": []}}, 1007, "is empty"),
        (
            {"tool_response": {"functionResponses": [{"id": "1", "response": "ok"}]}},
            1007,
            "(TYPE_STRUCT)",
        ),
        (
            {"tool_response": {"functionResponses": [{"id": "1", "scheduling": "LATER"}]}},
            1007,
            '"LATER"',
        ),
        (
            {
                "tool_response": {
                    "functionResponses": [{"id": "1", "response": {"o": "x" * 70_000}}]
                }
            },
            1011,
            "Internal error encountered",
        ),
    ],
)
def test_refused_messages(message: object, code: int, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        take(message)
    assert (refused.value.code, reason in refused.value.detail) == (code, True), refused.value


@pytest.mark.parametrize(
    ("changes", "code", "reason"),
    [
        ({"model": "models/gemini-9-live"}, 1008, "models/gemini-9-live is not found"),
        ({"model": LIVE}, 1007, "'setup.model'"),
        ({"toolConfig": {}}, 1007, "Unknown name \"toolConfig\" at 'setup'"),
        ({"inputAudioTranscription": {"languageCode": "en"}}, 1007, 'Unknown name "languageCode"'),
        (
            {
                "realtimeInputConfig": {
                    "automaticActivityDetection": {
                        "startOfSpeechSensitivity": "START_SENSITIVITY_MEDIUM"
                    }
                }
            },
            1007,
            "automatic_activity_detection.start_of_speech_sensitivity",
        ),
        (
            {"realtimeInputConfig": {"automaticActivityDetection": {"silenceDurationMs": -1}}},
            1007,
            "silence_duration_ms must be",
        ),
        (
            {"realtimeInputConfig": {"automaticActivityDetection": {"silenceDurationMs": 0.5}}},
            1007,
            "(TYPE_INT32), 0.5",
        ),
        ({"generationConfig": {"responseModalities": ["TEXT"]}}, 1007, "response modalities"),
        ({"generationConfig": {"responseModalities": ["AUDIO", "TEXT"]}}, 1007, "modalities"),
        (
            {
                "generationConfig": {
                    "speechConfig": {
                        "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Nobody"}}
                    }
                }
            },
            1007,
            "voice api_name 'Nobody' is not available",
        ),
        ({"generationConfig": {"enableAffectiveDialog": True}}, 1007, "enable_affective_dialog"),
        ({"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}, 1007, "thinking_config"),
        ({"proactivity": {"proactiveAudio": False}}, 1007, "proactive_audio is not supported"),
        ({"model": f"models/{EXTENDED_THINKING}"}, 1007, "needs a thinking_level"),
        ({"tools": [{"codeExecution": {}}]}, 1007, "code_execution is not supported"),
        (with_tool(name="no spaces"), 1007, "Invalid function name"),
        (with_tool(behavior="SOMETIMES"), 1007, '"SOMETIMES"'),
        (with_tool(parameters={"properties": {}}), 1007, "didn't specify the schema type"),
        (
            with_tool(parameters={"type": "OBJECT", "properties": {"n": {"title": "N"}}}),
            1007,
            "parameters.properties[n]: schema didn't specify the schema type",
        ),
        (
            with_tool(parameters={"type": "OBJECT", "properties": {"n": {"type": "ARRAY"}}}),
            1007,
            "parameters.properties[n].items: missing field",
        ),
        (
            with_tool(parameters={"type": "OBJECT", "required": ["ghost"]}),
            1007,
            "required[ghost]: property is not defined",
        ),
        (with_tool(parameters={"type": "ODD"}), 1007, '"ODD"'),
        (
            with_tool(parameters={"type": "OBJECT"}, parametersJsonSchema={"type": "object"}),
            1007,
            "exclude each other",
        ),
        (
            {"tools": [{"functionDeclarations": [{"name": "f"}, {"name": "f"}]}]},
            1007,
            "Duplicate function declaration found: f",
        ),
    ],
)
def test_refused_setups(changes: dict[str, Any], code: int, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        set_up(**changes)
    assert (refused.value.code, reason in refused.value.detail) == (code, True), refused.value


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "OBJECT", "additionalProperties": False}, 'Unknown name "additionalProperties"'),
        ({"type": "OBJECT", "patternProperties": {}}, 'Unknown name "patternProperties"'),
        ({"type": ["STRING", "NULL"]}, "Invalid value"),
        ({"$ref": "#/$defs/Day"}, 'Unknown name "$ref"'),
        ({"type": "OBJECT", "$defs": {}}, 'Unknown name "$defs"'),
        ({"const": "yes"}, 'Unknown name "const"'),
        ({"type": "INTEGER", "enum": [1, 2]}, "TYPE_STRING"),
        ({"type": "STRING", "enum": ["one", 2]}, "TYPE_STRING"),
        ({"type": "NUMBER", "exclusiveMinimum": 0}, 'Unknown name "exclusiveMinimum"'),
        ({"oneOf": [{"type": "STRING"}]}, 'Unknown name "oneOf"'),
        ({"type": "STRING", "x-order": 1}, 'Unknown name "x-order"'),
    ],
)
def test_a_schema_outside_the_subset_is_refused(schema: dict[str, Any], reason: str) -> None:
    for parameters in (schema, {"type": "OBJECT", "properties": {"a": schema}}):
        with pytest.raises(Refused) as refused:
            set_up(**with_tool(parameters=parameters))
        assert (refused.value.code, reason in refused.value.detail) == (1007, True), refused.value


def test_invalid_json_and_early_messages_are_refused() -> None:
    with pytest.raises(Refused, match="1007 Invalid JSON payload"):
        read(b"\x00\x01")
    with pytest.raises(Refused, match="1007 Invalid JSON payload"):
        read("{")
    with pytest.raises(Refused, match="1007 setup must be the first"):
        read('{"realtime_input":{"text":"hi"}}')


def test_a_reason_fits_a_close_frame() -> None:
    with pytest.raises(Refused) as refused:
        take({"realtime_input": {"text" + "ä" * 200: 1}})
    assert len(refused.value.reason.encode()) <= 123

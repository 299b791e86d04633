"""Server messages, letter for letter, and as google-genai reads them."""

import json

import pytest
from google.genai import types

from simulators.gemini_live.messages import (
    AudioChunk,
    Binary,
    FunctionCall,
    GenerationComplete,
    GoAway,
    InputTranscript,
    Interrupted,
    OutputTranscript,
    ResumptionUpdate,
    ServerMessage,
    SetupComplete,
    ToolCall,
    ToolCallCancellation,
    TurnComplete,
    Unspecified,
    Usage,
)
from simulators.gemini_live.writing import encode

AUDIO = '{"mimeType":"audio/pcm;rate=24000","data":"AQA="}'
SAMPLES: list[tuple[ServerMessage, str]] = [
    (SetupComplete("s1"), '{"setupComplete":{"sessionId":"s1"}}'),
    (
        AudioChunk(b"\x01\x00"),
        '{"serverContent":{"modelTurn":{"parts":[{"inlineData":' + AUDIO + "}]}}}",
    ),
    (OutputTranscript(" hi"), '{"serverContent":{"outputTranscription":{"text":" hi"}}}'),
    (InputTranscript("yo"), '{"serverContent":{"inputTranscription":{"text":"yo"}}}'),
    (GenerationComplete(), '{"serverContent":{"generationComplete":true}}'),
    (Interrupted(), '{"serverContent":{"interrupted":true}}'),
    (TurnComplete(None), '{"serverContent":{"turnComplete":true}}'),
    (
        TurnComplete(None, idle=True),
        '{"serverContent":{"turnComplete":true,"interactionStatus":"IDLE"}}',
    ),
    (
        TurnComplete(None, reason="RESPONSE_REJECTED"),
        '{"serverContent":{"turnComplete":true,"turnCompleteReason":"RESPONSE_REJECTED"}}',
    ),
    (
        ToolCall((FunctionCall("c1", "f", {"a": 1}),)),
        '{"toolCall":{"functionCalls":[{"id":"c1","name":"f","args":{"a":1}}]}}',
    ),
    (ToolCallCancellation(("c1", "c2")), '{"toolCallCancellation":{"ids":["c1","c2"]}}'),
    (GoAway(50), '{"goAway":{"timeLeft":"50s"}}'),
    (GoAway(1.5), '{"goAway":{"timeLeft":"1.5s"}}'),
    (
        ResumptionUpdate("h"),
        '{"sessionResumptionUpdate":{"newHandle":"h","resumable":true}}',
    ),
    (ResumptionUpdate(None), '{"sessionResumptionUpdate":{"resumable":false}}'),
    (Unspecified({"error": {"code": 1}}), '{"error":{"code":1}}'),
]


@pytest.mark.parametrize(("message", "text"), SAMPLES, ids=lambda value: type(value).__name__)
def test_samples(message: ServerMessage, text: str) -> None:
    assert encode(message).decode() == text


@pytest.mark.parametrize("message", [m for m, _ in SAMPLES if not isinstance(m, Unspecified)])
def test_the_sdk_knows_every_field(message: ServerMessage) -> None:
    """The SDK's models forbid unknown fields."""
    types.LiveServerMessage.model_validate_json(encode(message))


def test_usage() -> None:
    message = encode(TurnComplete(Usage(10, 32, 0, 25)))
    usage = types.LiveServerMessage.model_validate_json(message).usage_metadata
    assert usage is not None
    assert (usage.prompt_token_count, usage.response_token_count) == (42, 25)
    assert usage.total_token_count == 67
    by_modality = {d.modality: d.token_count for d in usage.prompt_tokens_details or ()}
    assert by_modality == {types.MediaModality.TEXT: 10, types.MediaModality.AUDIO: 32}


def test_pictures_are_billed() -> None:
    message = encode(TurnComplete(Usage(10, 32, 516, 25)))
    usage = types.LiveServerMessage.model_validate_json(message).usage_metadata
    assert usage is not None
    assert (usage.prompt_token_count, usage.total_token_count) == (558, 583)
    by_modality = {d.modality: d.token_count for d in usage.prompt_tokens_details or ()}
    assert by_modality[types.MediaModality.VIDEO] == 516


def test_usage_on_vertex() -> None:
    message = encode(TurnComplete(Usage(1, 2, 0, 3)), vertex=True)
    usage = json.loads(message)["usageMetadata"]
    assert usage["candidatesTokenCount"] == 3
    assert "responseTokenCount" not in usage


def test_calls_of_gemini_2_5_on_vertex_have_no_ids() -> None:
    message = ToolCall((FunctionCall("call-1", "look_up", {}),))
    call = json.loads(encode(message, vertex=True, identified=False))
    assert call["toolCall"]["functionCalls"] == [{"name": "look_up", "args": {}}]
    cancelled = json.loads(encode(ToolCallCancellation(("call-1",)), vertex=True, identified=False))
    assert cancelled == {"toolCallCancellation": {}}


def test_data_other_than_json_is_sent_unchanged() -> None:
    assert encode(Binary(b"\x00\xff")) == b"\x00\xff"


def test_odd_arguments_are_written_as_models_write_them() -> None:
    calls = (
        FunctionCall("1", "f", {"parcel": 9400111899223197428490, "name": "\ud83d"}),
        FunctionCall("2", "f", [1, 2]),
    )

    assert encode(ToolCall(calls)) == (
        b'{"toolCall":{"functionCalls":['
        b'{"id":"1","name":"f","args":{"parcel":9400111899223197428490,"name":"\\ud83d"}},'
        b'{"id":"2","name":"f","args":[1,2]}]}}'
    )

"""Encodes server messages as JSON."""

import base64
import json
from typing import Any, assert_never

from simulators.gemini_live.messages import (
    OUTPUT_HZ,
    AudioChunk,
    Binary,
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

_MIME_TYPE = f"audio/pcm;rate={OUTPUT_HZ}"


def encode(message: ServerMessage, *, vertex: bool = False, identified: bool = True) -> bytes:
    """Encode a message as UTF-8 JSON for a binary frame.

    Vertex AI names a few fields of the usage differently. Function calls have ids only if they are
    `identified`, and so [assumed] do cancellations.
    """
    if isinstance(message, Binary):
        return message.data
    return json.dumps(_to_json(message, vertex, identified), separators=(",", ":")).encode()


def _to_json(message: ServerMessage, vertex: bool, identified: bool) -> Any:
    match message:
        case Binary():
            raise AssertionError("a Binary message is not JSON")
        case SetupComplete(session_id):
            return {"setupComplete": {"sessionId": session_id}}
        case AudioChunk(data):
            blob = {"mimeType": _MIME_TYPE, "data": base64.b64encode(data).decode()}
            return {"serverContent": {"modelTurn": {"parts": [{"inlineData": blob}]}}}
        case OutputTranscript(text):
            return {"serverContent": {"outputTranscription": {"text": text}}}
        case InputTranscript(text):
            return {"serverContent": {"inputTranscription": {"text": text}}}
        case GenerationComplete():
            return {"serverContent": {"generationComplete": True}}
        case Interrupted():
            return {"serverContent": {"interrupted": True}}
        case TurnComplete(usage, idle, reason):
            content = {"turnComplete": True} | ({"interactionStatus": "IDLE"} if idle else {})
            content |= {"turnCompleteReason": reason} if reason else {}
            billed = {"usageMetadata": _usage(usage, vertex)} if usage else {}
            return {"serverContent": content} | billed
        case ToolCall(calls):
            items = [
                ({"id": call.call_id} if identified else {})
                | {"name": call.name, "args": call.args}
                for call in calls
            ]
            return {"toolCall": {"functionCalls": items}}
        case ToolCallCancellation(call_ids):
            return {"toolCallCancellation": {"ids": list(call_ids)} if identified else {}}
        case GoAway(time_left_s):
            return {"goAway": {"timeLeft": f"{time_left_s:g}s"}}
        case ResumptionUpdate(handle):
            update = {"newHandle": handle, "resumable": True} if handle else {"resumable": False}
            return {"sessionResumptionUpdate": update}
        case Unspecified(content_):
            return content_
        case _:
            assert_never(message)


def _usage(usage: Usage, vertex: bool) -> dict[str, Any]:
    spoken = "candidates" if vertex else "response"
    prompt = usage.prompt_text + usage.prompt_audio + usage.prompt_image
    # [assumed] Pictures that are sent as video are counted as video.
    pictures = [{"modality": "VIDEO", "tokenCount": usage.prompt_image}]
    return {
        "promptTokenCount": prompt,
        f"{spoken}TokenCount": usage.response_audio,
        "totalTokenCount": prompt + usage.response_audio,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": usage.prompt_text},
            {"modality": "AUDIO", "tokenCount": usage.prompt_audio},
            *(pictures if usage.prompt_image else ()),
        ],
        f"{spoken}TokensDetails": [{"modality": "AUDIO", "tokenCount": usage.response_audio}],
    }

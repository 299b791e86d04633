"""Decodes client messages, and refuses everything that the real service refuses."""

import json
import re
from typing import Any

from simulators.gemini_live.messages import (
    ActivityEnded,
    ActivityStarted,
    AudioInput,
    AudioStreamEnded,
    ClientContent,
    ClientMessage,
    ContextUpdate,
    HistoryTurn,
    Scheduling,
    TextInput,
    ToolResponse,
    ToolResponses,
    VideoInput,
)
from simulators.gemini_live.protocol import WIRE
from simulators.gemini_live.refusals import CloseCode, Refused, invalid
from simulators.gemini_live.seeing import known_picture
from simulators.gemini_live.setup_rules import (
    calls_have_ids,
    read_content,
    read_setup,
    read_tools,
)
from simulators.gemini_live.wire_types import Canonical

DEFAULT_INPUT_HZ = 16_000
_MOST_TOOL_RESPONSE_BYTES = 64 * 1024
"""[assumed] The real limit is unknown; oversized responses end the session with 1011."""
_MOST_IMAGE_BYTES = 2 * 1024 * 1024
"""[assumed] Google documents 20 MB for a whole request, for other APIs."""
_IMAGE_BEGINS = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG", "image/webp": b"RIFF"}
_AUDIO_TYPE = re.compile(r"audio/pcm(?:;\s*rate=(\d{4,5}))?")


def read(frame: str | bytes, *, model: str | None = None, vertex: bool = False) -> ClientMessage:
    """Decode a client message; raises Refused. `model` is that of the setup, None before it."""
    try:
        content = json.loads(frame)
    except ValueError as error:
        raise invalid("Invalid JSON payload received. Parse error.") from error
    message = WIRE.check_message(content, "ClientMessage", "")
    if len(message) != 1:
        raise invalid(f"Exactly one message type is expected, got {sorted(message)}.")
    ((kind, body),) = message.items()
    if (kind == "setup") is not (model is None):
        raise invalid("setup must be the first message and only the first.")
    match kind:
        case "setup":
            return read_setup(body, vertex=vertex)
        case "realtime_input":
            return _read_realtime_input(body, model or "")
        case "client_content":
            return _read_client_content(body)
        case "tool_response":
            identified = calls_have_ids(model or "", vertex=vertex)
            return _read_tool_response(body, identified=identified)
        case "context_update":
            return _read_context_update(body)
        case _:
            raise AssertionError(f"{kind} is in the protocol's table but not read")


def _read_realtime_input(body: Canonical, model: str) -> ClientMessage:
    if len(body) != 1:
        raise invalid(f"realtime_input must carry exactly one input, got {sorted(body)}.")
    ((kind, value),) = body.items()
    match kind:
        case "audio":
            return _read_audio(value, "realtime_input.audio")
        case "video":
            return _read_video(value, "realtime_input.video")
        case "media_chunks":
            return _read_media_chunks(value, model)
        case "text":
            return TextInput(value)
        case "activity_start":
            return ActivityStarted()
        case "activity_end":
            return ActivityEnded()
        case "audio_stream_end":
            return AudioStreamEnded()
        case _:
            raise AssertionError(f"realtime_input.{kind} is in the table but not read")


def _read_audio(blob: Canonical, path: str) -> AudioInput:
    mime_type = blob.get("mime_type", "")
    match_ = _AUDIO_TYPE.fullmatch(mime_type)
    if not match_:
        raise invalid(f"Unsupported mime type at '{path}.mime_type': \"{mime_type}\"")
    data = blob.get("data", b"")
    if len(data) % 2:
        raise invalid(f"Invalid value at '{path}.data': PCM16 needs an even number of bytes.")
    rate_hz = int(match_[1] or DEFAULT_INPUT_HZ)
    if not 8_000 <= rate_hz <= 48_000:
        raise invalid(f"Unsupported sample rate at '{path}.mime_type': {rate_hz}")
    return AudioInput(data, rate_hz)


def _read_media_chunks(chunks: list[Canonical], model: str) -> ClientMessage:
    """Read a deprecated field, which 3.x models refuse."""
    if re.search(r"gemini-3\.", model) or len(chunks) != 1:
        raise invalid("realtime_input.media_chunks is deprecated. Use audio, video, or text.")
    path = "realtime_input.media_chunks[0]"
    if chunks[0].get("mime_type", "").startswith("image/"):
        return _read_video(chunks[0], path)
    return _read_audio(chunks[0], path)


def _read_video(blob: Canonical, path: str) -> VideoInput:
    """Read a frame in one of the image formats that Google documents.

    [assumed] Any other format, or one that contradicts the MIME type, ends the session.
    """
    mime_type: str = blob.get("mime_type", "")
    if mime_type not in _IMAGE_BEGINS:
        raise invalid(f"Unsupported mime type at '{path}.mime_type': \"{mime_type}\"")
    data: bytes = blob.get("data", b"")
    if len(data) > _MOST_IMAGE_BYTES:
        raise invalid(f"The image at '{path}' is too large.")
    try:
        shows = known_picture(data)
    except ValueError:
        raise invalid("Unable to process input image.") from None
    if not data.startswith(_IMAGE_BEGINS[mime_type]):
        raise invalid("Unable to process input image.")
    return VideoInput(shows)


def _read_client_content(body: Canonical) -> ClientContent:
    turns = tuple(_read_turn(turn) for turn in body.get("turns", ()))
    return ClientContent(turns, body.get("turn_complete", False))


def _read_turn(content: Canonical) -> HistoryTurn:
    role = content.get("role", "user")
    if role not in ("user", "model"):
        raise invalid(f"Please use a valid role: user, model. Got {role}.")
    return HistoryTurn(role, read_content(content))


def _read_tool_response(body: Canonical, *, identified: bool) -> ToolResponses:
    items = body.get("function_responses", [])
    if not items:
        raise invalid("tool_response.function_responses is empty.")
    if not identified:
        _refuse_ids(items)
    return ToolResponses(tuple(_read_function_response(item) for item in items))


def _refuse_ids(responses: list[Canonical]) -> None:
    """Refuse two fields that Gemini 2.5 on Vertex AI doesn't know.

    Sources: livekit/agents pull request 2194, and its code.
    """
    for index, response in enumerate(responses):
        for name in ("id", "scheduling"):
            if name in response:
                path = f"tool_response.function_responses[{index}]"
                raise invalid(f"Unknown name \"{name}\" at '{path}': Cannot find field.")


def _read_function_response(item: Canonical) -> ToolResponse:
    response: dict[str, Any] = item.get("response", {})
    if len(json.dumps(response)) > _MOST_TOOL_RESPONSE_BYTES:
        raise Refused(CloseCode.INTERNAL, "Internal error encountered.")
    scheduling = item.get("scheduling")
    return ToolResponse(
        call_id=item.get("id", ""),
        name=item.get("name", ""),
        response=response,
        scheduling=Scheduling(scheduling) if scheduling else None,
        will_continue=item.get("will_continue", False),
    )


def _read_context_update(body: Canonical) -> ContextUpdate:
    instruction = body.get("system_instruction")
    tools = body.get("tools")
    return ContextUpdate(
        system_instruction=None if instruction is None else read_content(instruction),
        tools=None if tools is None else read_tools(tools.get("tools", []), "context_update.tools"),
    )

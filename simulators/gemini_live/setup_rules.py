"""Checks what a setup requests: models, voices, tools, and settings that go together.

Sources: Google's Live API reference and reports of refused sessions; see the comments.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from simulators.gemini_live.messages import (
    ActivitySettings,
    Behavior,
    Setup,
    ToolDeclaration,
)
from simulators.gemini_live.refusals import CloseCode, Refused, invalid
from simulators.gemini_live.wire_types import Canonical

LIVE = "gemini-3.8-live"
EXTENDED_THINKING = "gemini-3.8-live-extended-thinking"
_DEVELOPER_MODELS = frozenset({LIVE, EXTENDED_THINKING})
_DEVELOPER_NAME = re.compile(r"models/([^/]+)")
_VERTEX_MODELS = frozenset({LIVE, "gemini-live-2.5-flash-native-audio"})
_VERTEX_NAME = re.compile(r"projects/[^/]+/locations/[^/]+/publishers/google/models/([^/]+)")
_VOICE_NAMES = """
    Achernar Achird Algenib Algieba Alnilam Aoede Autonoe Callirrhoe Charon Despina Enceladus
    Erinome Fenrir Gacrux Iapetus Kore Laomedeia Leda Orus Puck Pulcherrima Rasalgethi Sadachbia
    Sadaltager Schedar Sulafat Umbriel Vindemiatrix Zephyr Zubenelgenubi
"""
_VOICES = frozenset(_VOICE_NAMES.split())
_FUNCTION_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_MOST_PADDING_MS = 10_000


def read_setup(body: Canonical, *, vertex: bool = False) -> Setup:
    """Read a setup from its canonical form; raises Refused with the code the service uses."""
    model = _read_model(body.get("model", ""), vertex)
    generation: Canonical = body.get("generation_config", {})
    _check_generation(generation, model)
    proactivity: Canonical = body.get("proactivity", {})
    if "proactive_audio" in proactivity and model == LIVE:
        raise invalid(f"proactive_audio is not supported by {model}.")
    identified = calls_have_ids(model, vertex=vertex)
    if not identified:
        _refuse_behaviors(body.get("tools", []))
        _refuse_search_beside_functions(body.get("tools", []))
    tools = read_tools(body.get("tools", []), "setup.tools", model=model)
    resumption: Canonical | None = body.get("session_resumption")
    content: Canonical | None = body.get("system_instruction")
    history: Canonical = body.get("history_config", {})
    return Setup(
        model=model,
        voice=_read_voice(generation.get("speech_config", {})),
        system_instruction="" if content is None else read_content(content),
        tools=tools,
        activity=_read_activity(body.get("realtime_input_config", {})),
        input_transcription="input_audio_transcription" in body,
        output_transcription="output_audio_transcription" in body,
        resumption=resumption is not None,
        handle=resumption.get("handle") if resumption else None,
        begins_with_history=history.get("initial_history_in_client_content", False),
        needs_call_ids=vertex and identified,
    )


def calls_have_ids(model: str, *, vertex: bool) -> bool:
    """Whether function calls carry ids; only those of Gemini 2.5 on Vertex AI don't.

    Sources: googleapis/js-genai issue 1210; for 3.8 on Vertex AI, LiveKit's Google plugin 1.8.9.
    """
    return not vertex or model.startswith("gemini-3.")


def read_content(content: Canonical) -> str:
    """Join the texts in a `Content` message."""
    return "\n".join(part["text"] for part in content.get("parts", ()) if "text" in part)


def read_tools(
    tools: Iterable[Canonical], path: str, *, model: str = LIVE
) -> tuple[ToolDeclaration, ...]:
    declared: dict[str, ToolDeclaration] = {}
    for index, tool in enumerate(tools):
        if "code_execution" in tool and re.match(r"gemini-3\.", model):
            raise invalid(f"code_execution is not supported by {model}.")
        for place, function in enumerate(tool.get("function_declarations", ())):
            where = f"{path}[{index}].function_declarations[{place}]"
            declaration = _read_declaration(function, where, model)
            if declaration.name in declared:
                raise invalid(f"Duplicate function declaration found: {declaration.name}")
            declared[declaration.name] = declaration
    return tuple(declared.values())


def _refuse_behaviors(tools: Iterable[Canonical]) -> None:
    """Refuse `behavior`: functions of Gemini 2.5 on Vertex AI always block, and lack that field
    (googleapis/python-genai issue 1739)."""
    for index, tool in enumerate(tools):
        for place, function in enumerate(tool.get("function_declarations", ())):
            if "behavior" in function:
                path = f"setup.tools[{index}].function_declarations[{place}]"
                raise invalid(f"Unknown name \"behavior\" at '{path}': Cannot find field.")


def _refuse_search_beside_functions(tools: Iterable[Canonical]) -> None:
    """Refuse search together with functions, as Gemini 2.5 on Vertex AI is reported to do, in these
    words (googleapis/dotnet-genai issue 248)."""
    kinds = {kind for tool in tools for kind in tool}
    if {"google_search", "function_declarations"} <= kinds:
        raise invalid("Multiple tools are supported only when they are all search tools.")


def _read_model(name: str, vertex: bool) -> str:
    match = (_VERTEX_NAME if vertex else _DEVELOPER_NAME).fullmatch(name)
    if not match:
        raise invalid(f"Invalid value at 'setup.model' (TYPE_STRING), \"{name}\"")
    if match[1] in (_VERTEX_MODELS if vertex else _DEVELOPER_MODELS):
        return match[1]
    if vertex:
        reason = f"Publisher Model `{name}` was not found or your project does not have access"
    else:
        reason = (
            f"models/{match[1]} is not found for API version v1beta, or is not supported for"
            " bidiGenerateContent."
        )
    raise Refused(CloseCode.POLICY, reason)


def _check_generation(generation: Canonical, model: str) -> None:
    modalities = generation.get("response_modalities", ["AUDIO"])
    if modalities != ["AUDIO"]:
        # The native audio models can only speak.
        raise invalid(
            f"The requested combination of response modalities {modalities} is not"
            " supported by the model."
        )
    thinks = "thinking_level" in generation.get("thinking_config", {})
    if model == EXTENDED_THINKING and not thinks:
        raise invalid(f"{model} needs a thinking_level.")
    if model == LIVE and "thinking_config" in generation:
        raise invalid(f"thinking_config is not supported by {model}.")
    if model.startswith("gemini-3.") and generation.get("enable_affective_dialog"):
        raise invalid(f"enable_affective_dialog is not supported by {model}.")


def _read_voice(speech: Canonical) -> str | None:
    voice: str | None = (
        speech.get("voice_config", {}).get("prebuilt_voice_config", {}).get("voice_name")
    )
    if voice is not None and voice.capitalize() not in _VOICES:
        raise invalid(f"Requested voice api_name '{voice}' is not available for model.")
    return voice


def _read_activity(config: Canonical) -> ActivitySettings:
    detection: Canonical = config.get("automatic_activity_detection", {})
    for key in ("prefix_padding_ms", "silence_duration_ms"):
        if not 0 <= detection.get(key, 0) <= _MOST_PADDING_MS:
            raise invalid(f"{key} must be between 0 and {_MOST_PADDING_MS}.")
    return ActivitySettings(
        automatic=not detection.get("disabled", False),
        interrupts=config.get("activity_handling") != "NO_INTERRUPTION",
        sensitive_start=detection.get("start_of_speech_sensitivity") != "START_SENSITIVITY_LOW",
        sensitive_end=detection.get("end_of_speech_sensitivity") != "END_SENSITIVITY_LOW",
        prefix_padding_ms=detection.get("prefix_padding_ms"),
        silence_ms=detection.get("silence_duration_ms"),
    )


def _read_declaration(function: Canonical, path: str, model: str) -> ToolDeclaration:
    name: str = function.get("name", "")
    if not _FUNCTION_NAME.fullmatch(name):
        raise invalid(f"Invalid function name at '{path}.name': \"{name}\"")
    if "parameters" in function and "parameters_json_schema" in function:
        raise invalid(f"{path}: parameters and parameters_json_schema exclude each other.")
    schema = function.get("parameters")
    if schema is not None:
        _check_schema(schema, f"{path}.parameters")
    # NON_BLOCKING is the default on 3.8, BLOCKING on older models.
    default = "NON_BLOCKING" if model.startswith("gemini-3.8") else "BLOCKING"
    behavior = Behavior(function.get("behavior") or default)
    if model == EXTENDED_THINKING and behavior is Behavior.BLOCKING:
        raise invalid(f"{model} supports NON_BLOCKING functions only: {name}")
    # Models before 3.x ignore parameters_json_schema (googleapis/python-genai issue 1147).
    return ToolDeclaration(name, behavior, has_parameters=schema is not None)


def _check_schema(schema: Mapping[str, Any], path: str) -> None:
    if not ({"type", "any_of"} & schema.keys()):
        raise invalid(f"{path}: schema didn't specify the schema type field.")
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in properties:
            raise invalid(f"{path}.required[{name}]: property is not defined.")
    for name, child in properties.items():
        _check_schema(child, f"{path}.properties[{name}]")
    if schema.get("type") in ("ARRAY", "array") and "items" not in schema:
        raise invalid(f"{path}.items: missing field.")
    if "items" in schema:
        _check_schema(schema["items"], f"{path}.items")

"""The fields of the Live API's client messages, as defined by google-genai 3.4.0."""

from collections.abc import Mapping

from simulators.gemini_live.wire_types import (
    Choice,
    Fields,
    MapOf,
    Message,
    Repeated,
    Scalar,
    WireTypes,
)

_STRING, _BOOL, _INT, _NUMBER = Scalar.STRING, Scalar.BOOL, Scalar.INT, Scalar.NUMBER
_OBJECT, _ANY = Scalar.OBJECT, Scalar.ANY


def _choice(type_name: str, *values: str) -> Choice:
    return Choice(f"google.ai.generativelanguage.v1beta.{type_name}", values)


_START = _choice(
    "StartSensitivity",
    "START_SENSITIVITY_UNSPECIFIED",
    "START_SENSITIVITY_HIGH",
    "START_SENSITIVITY_LOW",
)
_END = _choice(
    "EndSensitivity", "END_SENSITIVITY_UNSPECIFIED", "END_SENSITIVITY_HIGH", "END_SENSITIVITY_LOW"
)
_HANDLING = _choice(
    "ActivityHandling",
    "ACTIVITY_HANDLING_UNSPECIFIED",
    "START_OF_ACTIVITY_INTERRUPTS",
    "NO_INTERRUPTION",
)
_COVERAGE = _choice(
    "TurnCoverage",
    "TURN_COVERAGE_UNSPECIFIED",
    "TURN_INCLUDES_ONLY_ACTIVITY",
    "TURN_INCLUDES_ALL_INPUT",
    "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO",
)
_MODALITY = _choice("Modality", "MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "AUDIO", "VIDEO")
_RESOLUTION = _choice(
    "MediaResolution",
    "MEDIA_RESOLUTION_UNSPECIFIED",
    "MEDIA_RESOLUTION_LOW",
    "MEDIA_RESOLUTION_MEDIUM",
    "MEDIA_RESOLUTION_HIGH",
)
_THINKING = _choice(
    "ThinkingLevel", "THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"
)
_BEHAVIOR = _choice("Behavior", "UNSPECIFIED", "BLOCKING", "NON_BLOCKING")
_SCHEDULING = _choice("Scheduling", "SCHEDULING_UNSPECIFIED", "SILENT", "WHEN_IDLE", "INTERRUPT")
_TYPE_NAMES = ("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL")
# Lower case is accepted, too [assumed].
_TYPE = _choice("Type", "TYPE_UNSPECIFIED", *_TYPE_NAMES, *map(str.lower, _TYPE_NAMES))
_SCHEMA = Message("Schema")

_SETUP: Fields = {
    "model": _STRING,
    "generation_config": Message("GenerationConfig"),
    "system_instruction": Message("Content"),
    "tools": Repeated(Message("Tool")),
    "session_resumption": Message("SessionResumptionConfig"),
    "context_window_compression": Message("ContextWindowCompressionConfig"),
    "input_audio_transcription": Message("AudioTranscriptionConfig"),
    "output_audio_transcription": Message("AudioTranscriptionConfig"),
    "realtime_input_config": Message("RealtimeInputConfig"),
    "proactivity": Message("ProactivityConfig"),
    "explicit_vad_signal": _BOOL,
    "history_config": Message("HistoryConfig"),
    "avatar_config": _OBJECT,
    "safety_settings": Repeated(_OBJECT),
    "labels": MapOf(_STRING),
}

_CONFIGURATION: Mapping[str, Fields] = {
    "GenerationConfig": {
        "candidate_count": _INT,
        "max_output_tokens": _INT,
        "temperature": _NUMBER,
        "top_p": _NUMBER,
        "top_k": _NUMBER,
        "presence_penalty": _NUMBER,
        "frequency_penalty": _NUMBER,
        "seed": _INT,
        "stop_sequences": Repeated(_STRING),
        "response_modalities": Repeated(_MODALITY),
        "speech_config": Message("SpeechConfig"),
        "media_resolution": _RESOLUTION,
        "thinking_config": Message("ThinkingConfig"),
        "enable_affective_dialog": _BOOL,
        "translation_config": _OBJECT,
    },
    "SpeechConfig": {
        "voice_config": Message("VoiceConfig"),
        "language_code": _STRING,
        "multi_speaker_voice_config": _OBJECT,
    },
    "VoiceConfig": {
        "prebuilt_voice_config": Message("PrebuiltVoiceConfig"),
        "replicated_voice_config": _OBJECT,
        "voice": _STRING,
    },
    "PrebuiltVoiceConfig": {"voice_name": _STRING},
    "ThinkingConfig": {
        "include_thoughts": _BOOL,
        "thinking_budget": _INT,
        "thinking_level": _THINKING,
    },
    "SessionResumptionConfig": {"handle": _STRING, "transparent": _BOOL},
    "ContextWindowCompressionConfig": {
        "trigger_tokens": _ANY,  # int64: a number or a string in JSON
        "sliding_window": Message("SlidingWindow"),
    },
    "SlidingWindow": {"target_tokens": _ANY},
    "AudioTranscriptionConfig": {
        "language_codes": Repeated(_STRING),
        "language_auto": _OBJECT,
        "language_hints": _OBJECT,
        "custom_vocabulary": Repeated(_STRING),
        "adaptation_phrases": Repeated(_STRING),
        "word_timestamp": _BOOL,
        "diarization": _BOOL,
        "mode": _STRING,
        "source_text": _STRING,
    },
    "RealtimeInputConfig": {
        "automatic_activity_detection": Message("AutomaticActivityDetection"),
        "activity_handling": _HANDLING,
        "turn_coverage": _COVERAGE,
        "interim_transcript_timestamp_enabled": _BOOL,
    },
    "AutomaticActivityDetection": {
        "disabled": _BOOL,
        "start_of_speech_sensitivity": _START,
        "end_of_speech_sensitivity": _END,
        "prefix_padding_ms": _INT,
        "silence_duration_ms": _INT,
    },
    "ProactivityConfig": {"proactive_audio": _BOOL, "proactive_video": _BOOL},
    "HistoryConfig": {"initial_history_in_client_content": _BOOL},
    "Tool": {
        "function_declarations": Repeated(Message("FunctionDeclaration")),
        "google_search": _OBJECT,
        "google_search_retrieval": _OBJECT,
        "google_maps": _OBJECT,
        "code_execution": _OBJECT,
        "url_context": _OBJECT,
        "file_search": _OBJECT,
        "computer_use": _OBJECT,
        "retrieval": _OBJECT,
        "enterprise_web_search": _OBJECT,
    },
    "FunctionDeclaration": {
        "name": _STRING,
        "description": _STRING,
        "parameters": _SCHEMA,
        "parameters_json_schema": _OBJECT,
        "response": _SCHEMA,
        "response_json_schema": _OBJECT,
        "behavior": _BEHAVIOR,
    },
    "Schema": {
        "type": _TYPE,
        "format": _STRING,
        "title": _STRING,
        "description": _STRING,
        "nullable": _BOOL,
        "default": _ANY,
        "example": _ANY,
        "enum": Repeated(_STRING),
        "items": _SCHEMA,
        "properties": MapOf(_SCHEMA),
        "required": Repeated(_STRING),
        "property_ordering": Repeated(_STRING),
        "any_of": Repeated(_SCHEMA),
        "minimum": _NUMBER,
        "maximum": _NUMBER,
        "min_items": _ANY,
        "max_items": _ANY,
        "min_length": _ANY,
        "max_length": _ANY,
        "min_properties": _ANY,
        "max_properties": _ANY,
        "pattern": _STRING,
    },
}

_CONVERSATION: Mapping[str, Fields] = {
    "ClientMessage": {
        "setup": Message("Setup"),
        "client_content": Message("ClientContent"),
        "realtime_input": Message("RealtimeInput"),
        "tool_response": Message("ToolResponse"),
        "context_update": Message("ContextUpdate"),
    },
    "Content": {"parts": Repeated(Message("Part")), "role": _STRING},
    "Part": {
        "text": _STRING,
        "thought": _BOOL,
        "inline_data": Message("Blob"),
        "function_call": _OBJECT,
        "function_response": _OBJECT,
        "file_data": _OBJECT,
    },
    "Blob": {"mime_type": _STRING, "data": Scalar.BYTES, "display_name": _STRING},
    "ClientContent": {"turns": Repeated(Message("Content")), "turn_complete": _BOOL},
    "RealtimeInput": {
        "audio": Message("Blob"),
        "video": Message("Blob"),
        "media_chunks": Repeated(Message("Blob")),
        "text": _STRING,
        "activity_start": Message("Empty"),
        "activity_end": Message("Empty"),
        "audio_stream_end": _BOOL,
    },
    "Empty": {},
    "ToolResponse": {"function_responses": Repeated(Message("FunctionResponse"))},
    "FunctionResponse": {
        "id": _STRING,
        "name": _STRING,
        "response": _OBJECT,
        "scheduling": _SCHEDULING,
        "will_continue": _BOOL,
        "parts": Repeated(_OBJECT),
    },
    "ContextUpdate": {
        "system_instruction": Message("Content"),
        "tools": Message("ContextUpdateTools"),
    },
    "ContextUpdateTools": {"tools": Repeated(Message("Tool"))},
}

WIRE = WireTypes({"Setup": _SETUP, **_CONFIGURATION, **_CONVERSATION})

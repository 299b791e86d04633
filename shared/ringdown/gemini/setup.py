"""The setup of a Live session, in the SDK's types."""

from google.genai import types

from ringdown.agents import TurnTaking
from ringdown.gemini.model_session import SessionConfig
from ringdown.gemini.models import RETIRED, Api, live_model, model_on
from ringdown.gemini.openapi_schema import openapi_parameters
from ringdown.log import Log

# Long calls drop the oldest turns instead of ending at the context limit.
COMPRESS_AT_TOKENS = 24_000
COMPRESS_TO_TOKENS = 12_000

# How long a pause must be to end the caller's turn. A one-second pause in mid-sentence is common.
_SILENCE_MS = {"quick": 300, "normal": None, "patient": 1_400}

_TYPES_OF_A_SESSION = (
    types.AudioTranscriptionConfig,
    types.Content,
    types.ContextWindowCompressionConfig,
    types.FunctionDeclaration,
    types.LiveConnectConfig,
    types.LiveConnectParameters,
    types.LiveSendRealtimeInputParameters,
    types.LiveServerMessage,
    types.LiveServerSetupComplete,
    types.Part,
    types.RealtimeInputConfig,
    types.Schema,
    types.SpeechConfig,
    types.Tool,
    types.UserContent,
    types.VoiceConfig,
)

_log = Log(__name__)


def build_types() -> None:
    """Build the SDK's types now, or the first caller waits a tenth of a second for them."""
    for kind in _TYPES_OF_A_SESSION:
        kind.model_rebuild()


def served_model(config: SessionConfig, api: Api) -> str:
    """Return the model to use; one that `api` lacks, or that was retired, is replaced."""
    name = model_on(api, config.model)
    if name != config.model:
        retired = RETIRED.get(config.model)
        _log.warning(
            "model replaced",
            wanted=config.model,
            answers=name,
            where=api.value,
            retired_since=None if retired is None else retired.since,
        )
    return name


def connect_config(config: SessionConfig, name: str) -> types.LiveConnectConfig:
    """Return the session's configuration, without what the model `name` doesn't support."""
    model = live_model(name)
    thinking = config.thinking if model.thinks else None
    searches = config.google_search and model.searches
    voice = types.VoiceConfig(
        prebuilt_voice_config=types.PrebuiltVoiceConfig(voice_name=config.voice)
    )
    return types.LiveConnectConfig(
        response_modalities=[types.Modality.AUDIO],
        temperature=config.temperature,
        thinking_config=_thinking(thinking),
        system_instruction=config.instructions,
        speech_config=types.SpeechConfig(voice_config=voice, language_code=config.language),
        input_audio_transcription=_hearing(config, takes_hints=model.takes_hints),
        output_audio_transcription=types.AudioTranscriptionConfig(),
        session_resumption=types.SessionResumptionConfig(handle=config.handle),
        context_window_compression=types.ContextWindowCompressionConfig(
            trigger_tokens=COMPRESS_AT_TOKENS,
            sliding_window=types.SlidingWindow(target_tokens=COMPRESS_TO_TOKENS),
        ),
        realtime_input_config=_turn_taking(config.turn_taking),
        tools=[*_functions(config, name), *_search(searches)],
    )


def _hearing(config: SessionConfig, *, takes_hints: bool) -> types.AudioTranscriptionConfig:
    """Configure how the caller is transcribed; without hints, the service detects the language."""
    if not takes_hints:
        return types.AudioTranscriptionConfig()
    return types.AudioTranscriptionConfig(
        language_codes=list(config.languages) or None,
        custom_vocabulary=list(config.vocabulary) or None,
    )


def _search(wanted: bool) -> list[types.Tool]:
    return [types.Tool(google_search=types.GoogleSearch())] if wanted else []


def _thinking(level: str | None) -> types.ThinkingConfig | None:
    if level is None:
        return None
    return types.ThinkingConfig(thinking_level=types.ThinkingLevel(level.upper()))


def _turn_taking(wish: TurnTaking) -> types.RealtimeInputConfig:
    """Send only what differs from the service's defaults."""
    detection = types.AutomaticActivityDetection(
        silence_duration_ms=_SILENCE_MS[wish.patience],
        end_of_speech_sensitivity=(
            types.EndSensitivity.END_SENSITIVITY_LOW if wish.patience == "patient" else None
        ),
        start_of_speech_sensitivity=(
            types.StartSensitivity.START_SENSITIVITY_LOW
            if wish.start_sensitivity == "low"
            else None
        ),
    )
    return types.RealtimeInputConfig(automatic_activity_detection=detection)


def _functions(config: SessionConfig, name: str) -> list[types.Tool]:
    """Declare the functions. For a model with only one behavior, `behavior` is left out, because
    the model may refuse it."""
    if not config.functions:
        return []
    can_choose = len(live_model(name).behaviors) > 1
    declarations = [
        types.FunctionDeclaration(
            name=function.name,
            description=function.description,
            parameters=_parameters(function.parameters),
            behavior=types.Behavior(function.behavior.upper()) if can_choose else None,
        )
        for function in config.functions
    ]
    return [types.Tool(function_declarations=declarations)]


def _parameters(schema: dict[str, object]) -> types.Schema | None:
    said = openapi_parameters(schema)
    return None if said is None else types.Schema.model_validate(said)


def blocking_functions(config: SessionConfig, name: str) -> frozenset[str]:
    """Return the functions whose results the model waits for; for an unknown model, all of them."""
    model = live_model(name)
    blocking = (f.name for f in config.functions if model.behavior(f.behavior) == "blocking")
    return frozenset(blocking)

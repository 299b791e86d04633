"""The shell around google-genai: opens a Live session and turns its messages into events.

The only file that imports the SDK. Facts about its behaviour are those of google-genai 3.4.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import replace
from typing import NoReturn, TypeAlias, assert_never, cast

import msgspec
from google import genai
from google.auth.exceptions import GoogleAuthError
from google.genai import errors, live, types
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from ringdown.agents import TurnTaking
from ringdown.calls import Speaker, Usage
from ringdown.gemini.backend import DeveloperApi, GeminiBackend, VertexAi
from ringdown.gemini.models import MODELS, Api, Model, model_on
from ringdown.gemini.openapi_schema import openapi_parameters
from ringdown.log import Log
from ringdown.tools import Scheduling, ToolAnswer
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
from stream_handler.call.model_config import ModelConfig
from stream_handler.speech_path import Relay, Spoken, audio_message, by_modality, spoken_in
from stream_handler.twilio.call_ids import CallIds
from stream_handler.twilio.outlet import Outlet
from stream_handler.twilio.prompt_connection import PromptClient

CONNECT_TIMEOUT_S = 8.0
_WAITING_LIMIT = 250  # frames: the five seconds after which a send is given up
_CLOSE_TIMEOUT_S = 1.0
# The versions that Google's Live references document
_API_VERSIONS = {Api.DEVELOPER: "v1beta", Api.VERTEX: "v1beta1"}

# Long calls slide over the oldest turns instead of ending at the context's limit.
COMPRESS_AT_TOKENS = 24_000
COMPRESS_TO_TOKENS = 12_000

# How long a pause ends the caller's turn. A pause of one second in mid-sentence is common.
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

_UNKNOWN_MODEL = Model(behaviors=("blocking",))

_log = Log(__name__)


class ModelError(Exception):
    """The model's side failed: no connection, no set-up in time, or the connection ended.

    `code` is the WebSocket close code or HTTP status, if there was one.
    """

    def __init__(self, reason: str, *, code: int | None = None) -> None:
        self.code = code
        super().__init__(reason)


class ModelSpeech(msgspec.Struct, frozen=True, gc=False):
    """A chunk of the model's speech: PCM16 LE mono at 24 kHz."""

    pcm: bytes


ModelEvent: TypeAlias = (
    ModelSpeech
    | ModelInterrupted
    | GenerationCompleted
    | TurnCompleted
    | TranscriptReceived
    | ToolCallRequested
    | ToolCallCancelled
    | UsageReported
    | GoAwayReceived
    | ResumptionUpdated
)


class GeminiLive:
    """Opens Live sessions. One per process: its client takes half a second to make."""

    def __init__(
        self,
        backend: GeminiBackend,
        *,
        tls: ssl.SSLContext | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> None:
        """`tls` is for an endpoint whose certificate the system does not trust."""
        self._connect_timeout_s = connect_timeout_s
        self._api = backend.api
        self._client = _client(backend, tls)
        # Else the first caller waits for it: a tenth of a second, in which nobody is served.
        for kind in _TYPES_OF_A_SESSION:
            kind.model_rebuild()

    @asynccontextmanager
    async def connect(
        self,
        config: ModelConfig,
        clock_ms: Callable[[], float],
        within_s: float = CONNECT_TIMEOUT_S,
    ) -> AsyncIterator["ModelSession"]:
        """Open a session; its events are stamped by `clock_ms`.

        A model that the API lacks is replaced by the usual one there, see
        `ringdown.gemini.models.model_on`.
        Raises ModelError if the service refuses, or is not ready in time.
        """
        config = _served(config, self._api)
        async with AsyncExitStack() as stack:
            session = await _entered(
                stack,
                self._client.aio.live.connect(model=config.model, config=_connect_config(config)),
                min(within_s, self._connect_timeout_s),
            )
            if session.setup_complete is None:
                raise ModelError("the first message was not setupComplete")
            yield ModelSession(session, clock_ms, self._api, _blocking(config))


def _client(backend: GeminiBackend, tls: ssl.SSLContext | None) -> genai.Client:
    options = types.HttpOptions(
        api_version=_API_VERSIONS[backend.api],
        base_url=backend.base_url,
        # Deflate costs 30 µs a frame and base64 audio does not shrink; the service answers
        # pings late, which looks like a lost connection; its messages can be large.
        async_client_args={
            "compression": None,
            "ping_interval": None,
            "max_size": None,
            "close_timeout": _CLOSE_TIMEOUT_S,
            "create_connection": PromptClient,
            **({} if tls is None else {"ssl": tls}),
        },
    )
    match backend:
        case DeveloperApi(api_key=api_key):
            return genai.Client(vertexai=False, api_key=api_key, http_options=options)
        case VertexAi(project=project, location=location):
            return genai.Client(
                vertexai=True, project=project, location=location, http_options=options
            )
        case _:
            assert_never(backend)


def _served(config: ModelConfig, api: Api) -> ModelConfig:
    """The session as `api` can offer it."""
    name = model_on(api, config.model)
    if name == config.model:
        return config
    _log.warning("another model answers", wanted=config.model, answers=name, where=api.value)
    model = MODELS[name]
    if config.google_search and not model.searches:
        _log.warning("agent cannot search the web", answers=name)
    return replace(
        config,
        model=name,
        thinking=config.thinking if model.thinks else None,
        google_search=config.google_search and model.searches,
    )


async def _entered(
    stack: AsyncExitStack,
    connection: AbstractAsyncContextManager[live.AsyncSession],
    timeout_s: float,
) -> live.AsyncSession:
    try:
        async with asyncio.timeout(timeout_s):
            return await stack.enter_async_context(connection)
    except TimeoutError:
        raise ModelError(f"not ready within {timeout_s:g} s") from None
    except errors.APIError as error:
        # `details` is the close frame's reason; `message` is for answers of the REST API.
        raise ModelError(str(error.details or "refused"), code=error.code) from error
    except InvalidStatus as error:
        raise ModelError("refused", code=error.response.status_code) from error
    except GoogleAuthError as error:
        raise ModelError(f"no Google credentials: {error}") from error
    except (OSError, ValueError, TypeError, AttributeError, WebSocketException) as error:
        # The middle three are the SDK's own, on a first message it cannot read.
        raise ModelError(f"{type(error).__name__}: {error}") from error


class ModelSession:
    """An open session. Every method raises ModelError when the connection is gone.

    Nothing here waits for the service to read, but `send_waiting`.
    """

    def __init__(
        self,
        session: live.AsyncSession,
        clock_ms: Callable[[], float],
        api: Api,
        blocking: frozenset[str],
    ) -> None:
        """`blocking` names the functions for which the model waits."""
        self._session = session
        self._api = api
        self._blocking = blocking
        self._call_ids = CallIds()
        self._clock_ms = clock_ms
        # `create_connection` made it one of ours; the SDK's types cannot say so.
        self._socket = cast("PromptClient", session._ws)
        self._outlet = Outlet(self._socket, _WAITING_LIMIT)
        self._relay = Relay(self._outlet)
        session._ws = self._relay  # type: ignore[assignment]  # the SDK offers no seam for this

    def send_audio(self, pcm: bytes) -> bool:
        """PCM16 LE mono at 16 kHz. False if it is dropped, because the service does not read."""
        return self._outlet.send(audio_message(pcm))

    async def send_waiting(self) -> NoReturn:
        """Send what could not leave at once, for as long as the session lasts."""
        try:
            await self._outlet.run()
        except TimeoutError:
            raise ModelError("the model's side does not read") from None
        except ConnectionClosed as closed:
            raise _closed(closed) from closed

    async def send_text(self, text: str) -> None:
        with _sending():
            await self._session.send_realtime_input(text=text)

    async def update_context(self, instructions: str) -> None:
        with _sending():
            await self._session.send_context_update(system_instruction=instructions)

    async def send_tool_response(
        self, id: str, name: str, answer: ToolAnswer, scheduling: Scheduling | None = None
    ) -> None:
        """`scheduling` says when the model is to speak of it, if it does not wait for it."""
        response = types.FunctionResponse(
            id=self._call_ids.answered(id),
            name=name,
            response=_response(answer),
            scheduling=self._scheduling(name, scheduling),
        )
        with _sending():
            await self._session.send_tool_response(function_responses=response)

    def _scheduling(
        self, name: str, wish: Scheduling | None
    ) -> types.FunctionResponseScheduling | None:
        # Vertex AI takes none (livekit/agents says so); its calls block.
        if wish is None or name in self._blocking or self._api is Api.VERTEX:
            return None
        return types.FunctionResponseScheduling(wish.upper())

    async def receive(
        self, hear: Callable[[ModelEvent], None] | None = None
    ) -> AsyncIterator[ModelEvent]:
        """Events as they come, for as long as the session lasts; ends by raising ModelError.

        With `hear`, what is said is given to it where it arrives, and all else comes out here, in
        order; it must neither wait nor raise.
        """

        def hear_spoken(raw: str | bytes) -> bool:
            spoken = None if hear is None else spoken_in(raw)
            if spoken is None or hear is None:
                return False
            for event in _spoken_events(spoken, self._clock_ms()):
                hear(event)
            return True

        try:
            async for raw in self._socket.messages(hear_spoken):
                for event in await self._events_of(raw):
                    yield event
        except ConnectionClosed as closed:
            raise _closed(closed) from closed

    async def _events_of(self, raw: str | bytes) -> Iterator[ModelEvent]:
        spoken = spoken_in(raw)
        if spoken is not None:
            return _spoken_events(spoken, self._clock_ms())
        message = await self._understood(raw)
        return iter(()) if message is None else self._events(message)

    async def _understood(self, raw: str | bytes) -> types.LiveServerMessage | None:
        try:
            self._relay.hand(_with_whole_characters(raw))
            return await self._session._receive()  # `receive()` for one message
        except errors.APIError as error:
            raise ModelError(error.message or "closed", code=error.code) from error
        except ValueError as error:
            raise ModelError("a message that is not JSON") from error
        except (TypeError, AttributeError, RecursionError):
            # The SDK's answer to a message whose keys are all unknown to it, or that has none;
            # and what is nested too deeply to be read.
            _log.warning("message from the model not understood")
            return None

    def _events(self, message: types.LiveServerMessage) -> Iterator[ModelEvent]:
        """A message's events: what interrupts first, then sound, words, and what ends a turn."""
        at_ms = self._clock_ms()
        content = message.server_content
        if content is not None and content.interrupted:
            yield ModelInterrupted(at_ms)
        if content is not None:
            yield from _speech(content)
            yield from _transcripts(content, at_ms)
        if message.tool_call is not None:
            yield from self._tool_calls(message.tool_call, at_ms)
        if message.tool_call_cancellation is not None:
            ids = self._call_ids.cancelled(message.tool_call_cancellation.ids)
            yield ToolCallCancelled(at_ms, ids)
        if content is not None and content.generation_complete:
            yield GenerationCompleted(at_ms)
        if message.usage_metadata is not None:
            yield UsageReported(at_ms, _usage(message.usage_metadata))
        if content is not None and _is_turn_over(content):
            yield TurnCompleted(at_ms)
        update = message.session_resumption_update
        if update is not None and update.resumable and update.new_handle:
            yield ResumptionUpdated(at_ms, update.new_handle)
        if message.go_away is not None:
            yield GoAwayReceived(at_ms, _milliseconds(message.go_away.time_left))

    def _tool_calls(
        self, tool_call: types.LiveServerToolCall, at_ms: float
    ) -> Iterator[ToolCallRequested]:
        for call in tool_call.function_calls or ():
            if call.name and (call.id or self._api is Api.VERTEX):
                id = self._call_ids.of(call.id)
                blocks = call.name in self._blocking
                yield ToolCallRequested(at_ms, id, call.name, call.args or {}, blocks)
            else:
                _log.warning("tool call without id or name ignored")


def _with_whole_characters(raw: str | bytes) -> str:
    """The JSON `raw` with U+FFFD for each half of a surrogate pair, which UTF-8 cannot hold.

    JSON can: an emoji that is cut between two messages comes as two halves.
    """
    text = raw if isinstance(raw, str) else raw.decode("utf-8", "replace")
    if r"\ud" not in text.lower():
        return text
    whole = json.dumps(json.loads(text), ensure_ascii=False)
    return whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@contextmanager
def _sending() -> Iterator[None]:
    try:
        yield
    except (OSError, WebSocketException) as error:
        raise ModelError(f"{type(error).__name__}: {error}") from error


def _closed(closed: ConnectionClosed) -> ModelError:
    if closed.rcvd is None:
        return ModelError("the connection was lost", code=1006)
    return ModelError(closed.rcvd.reason or "closed", code=closed.rcvd.code)


def _connect_config(config: ModelConfig) -> types.LiveConnectConfig:
    voice = types.VoiceConfig(
        prebuilt_voice_config=types.PrebuiltVoiceConfig(voice_name=config.voice)
    )
    return types.LiveConnectConfig(
        response_modalities=[types.Modality.AUDIO],
        temperature=config.temperature,
        thinking_config=_thinking(config.thinking),
        system_instruction=config.instructions,
        speech_config=types.SpeechConfig(voice_config=voice, language_code=config.language),
        input_audio_transcription=types.AudioTranscriptionConfig(),
        output_audio_transcription=types.AudioTranscriptionConfig(),
        session_resumption=types.SessionResumptionConfig(handle=config.handle),
        context_window_compression=types.ContextWindowCompressionConfig(
            trigger_tokens=COMPRESS_AT_TOKENS,
            sliding_window=types.SlidingWindow(target_tokens=COMPRESS_TO_TOKENS),
        ),
        realtime_input_config=_turn_taking(config.turn_taking),
        tools=[types.Tool(function_declarations=_declarations(config)), *_search(config)],
    )


def _search(config: ModelConfig) -> list[types.Tool]:
    return [types.Tool(google_search=types.GoogleSearch())] if config.google_search else []


def _thinking(level: str | None) -> types.ThinkingConfig | None:
    if level is None:
        return None
    return types.ThinkingConfig(thinking_level=types.ThinkingLevel(level.upper()))


def _turn_taking(wish: TurnTaking) -> types.RealtimeInputConfig:
    """Only what differs from the service's own defaults is said."""
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


def _declarations(config: ModelConfig) -> list[types.FunctionDeclaration]:
    """What a model can do in one way only it is not told: it may refuse to be."""
    model = MODELS.get(config.model)
    can_choose = model is not None and len(model.behaviors) > 1
    return [
        types.FunctionDeclaration(
            name=function.name,
            description=function.description,
            parameters=_parameters(function.parameters),
            behavior=types.Behavior(function.behavior.upper()) if can_choose else None,
        )
        for function in config.functions
    ]


def _parameters(schema: dict[str, object]) -> types.Schema | None:
    said = openapi_parameters(schema)
    return None if said is None else types.Schema.model_validate(said)


def _blocking(config: ModelConfig) -> frozenset[str]:
    """The functions for which the model waits; of a model that nobody knows, all."""
    model = MODELS.get(config.model, _UNKNOWN_MODEL)
    blocking = (f.name for f in config.functions if model.behavior(f.behavior) == "blocking")
    return frozenset(blocking)


def _response(answer: ToolAnswer) -> dict[str, object]:
    if answer.error is not None:
        return {"error": answer.error.message, "retryable": answer.error.retryable}
    return {"output": answer.output}


def _spoken_events(spoken: Spoken, at_ms: float) -> Iterator[ModelEvent]:
    if spoken.interrupted:
        yield ModelInterrupted(at_ms)
    for pcm in spoken.chunks:
        yield ModelSpeech(pcm)
    if spoken.by_caller:
        yield TranscriptReceived(at_ms, Speaker.CALLER, spoken.by_caller)
    if spoken.by_agent:
        yield TranscriptReceived(at_ms, Speaker.AGENT, spoken.by_agent)
    if spoken.generation_complete:
        yield GenerationCompleted(at_ms)
    if spoken.usage is not None:
        yield UsageReported(at_ms, spoken.usage)
    if spoken.turn_complete:
        yield TurnCompleted(at_ms)


def _milliseconds(duration: str | None) -> float:
    """Of a protobuf duration as JSON has it ("50s", "1.5s"); what cannot be read is no time."""
    try:
        return float((duration or "").removesuffix("s")) * 1_000
    except ValueError:
        return 0.0


def _is_turn_over(content: types.LiveServerContent) -> bool:
    """A model that thinks between sentences says by its status whether more is to come."""
    match content.interaction_status:
        case None | types.InteractionStatus.INTERACTION_STATUS_UNSPECIFIED:
            return bool(content.turn_complete)
        case status:
            return status is types.InteractionStatus.IDLE


def _speech(content: types.LiveServerContent) -> Iterator[ModelSpeech]:
    parts = content.model_turn.parts if content.model_turn is not None else None
    for part in parts or ():
        if part.inline_data is not None and part.inline_data.data and not part.thought:
            yield ModelSpeech(part.inline_data.data)


def _transcripts(content: types.LiveServerContent, at_ms: float) -> Iterator[TranscriptReceived]:
    if content.input_transcription is not None and content.input_transcription.text:
        yield TranscriptReceived(at_ms, Speaker.CALLER, content.input_transcription.text)
    if content.output_transcription is not None and content.output_transcription.text:
        yield TranscriptReceived(at_ms, Speaker.AGENT, content.output_transcription.text)


def _usage(usage: types.UsageMetadata) -> Usage:
    return Usage(
        reports=1,
        prompt=by_modality(_counts(usage.prompt_tokens_details)),
        response=by_modality(_counts(usage.response_tokens_details)),
        tool_use_prompt=usage.tool_use_prompt_token_count or 0,
        thoughts=usage.thoughts_token_count or 0,
        total=usage.total_token_count or 0,
    )


def _counts(details: Iterable[types.ModalityTokenCount] | None) -> Iterator[tuple[str, int]]:
    for detail in details or ():
        modality = detail.modality.value if detail.modality is not None else "UNKNOWN"
        yield modality, detail.token_count or 0

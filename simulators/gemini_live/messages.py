"""The messages that clients and the model send each other, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

OUTPUT_HZ = 24_000
"""Rate of the model's audio: PCM16, mono, little-endian."""

JsonObject = Mapping[str, Any]
"""Arguments and results of tools; only their declarations know the shape."""


class Behavior(Enum):
    BLOCKING = "BLOCKING"
    NON_BLOCKING = "NON_BLOCKING"


class Scheduling(Enum):
    """When the model speaks about a result of a NON_BLOCKING call."""

    INTERRUPT = "INTERRUPT"
    WHEN_IDLE = "WHEN_IDLE"
    SILENT = "SILENT"


@dataclass(frozen=True, slots=True)
class ToolDeclaration:
    name: str
    behavior: Behavior
    has_parameters: bool = True
    """Without parameters, the model doesn't know of any arguments, and sends none."""


@dataclass(frozen=True, slots=True)
class ActivitySettings:
    """How speech is detected. `sensitive_*` means HIGH (the default), otherwise LOW."""

    automatic: bool = True
    interrupts: bool = True
    sensitive_start: bool = True
    sensitive_end: bool = True
    prefix_padding_ms: int | None = None
    silence_ms: int | None = None


@dataclass(frozen=True, slots=True)
class HistoryTurn:
    """One turn of a conversation in text; `role` is "user" or "model"."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Setup:
    """The first message of a session. `resumption` says whether the client wants updates."""

    model: str
    voice: str | None = None
    system_instruction: str = ""
    tools: tuple[ToolDeclaration, ...] = ()
    activity: ActivitySettings = ActivitySettings()
    input_transcription: bool = False
    output_transcription: bool = False
    resumption: bool = False
    handle: str | None = None
    begins_with_history: bool = False
    """Whether client content up to the first `turn_complete` is an earlier conversation."""
    needs_call_ids: bool = False
    """Whether a response to a BLOCKING call is lost unless it carries the call's id."""


@dataclass(frozen=True, slots=True)
class AudioInput:
    data: bytes
    rate_hz: int


@dataclass(frozen=True, slots=True)
class VideoInput:
    """One frame. `shows` names the shipped picture in it; None for any other."""

    shows: str | None


@dataclass(frozen=True, slots=True)
class TextInput:
    text: str


@dataclass(frozen=True, slots=True)
class ActivityStarted:
    pass


@dataclass(frozen=True, slots=True)
class ActivityEnded:
    pass


@dataclass(frozen=True, slots=True)
class AudioStreamEnded:
    pass


@dataclass(frozen=True, slots=True)
class ClientContent:
    turns: tuple[HistoryTurn, ...]
    turn_complete: bool


@dataclass(frozen=True, slots=True)
class ToolResponse:
    call_id: str
    name: str
    response: JsonObject
    scheduling: Scheduling | None = None
    will_continue: bool = False


@dataclass(frozen=True, slots=True)
class ToolResponses:
    responses: tuple[ToolResponse, ...]


@dataclass(frozen=True, slots=True)
class ContextUpdate:
    """None leaves a part unchanged."""

    system_instruction: str | None
    tools: tuple[ToolDeclaration, ...] | None


ClientMessage = (
    Setup
    | AudioInput
    | VideoInput
    | TextInput
    | ActivityStarted
    | ActivityEnded
    | AudioStreamEnded
    | ClientContent
    | ToolResponses
    | ContextUpdate
)


@dataclass(frozen=True, slots=True)
class SetupComplete:
    session_id: str


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """PCM16 at OUTPUT_HZ."""

    data: bytes


@dataclass(frozen=True, slots=True)
class OutputTranscript:
    text: str


@dataclass(frozen=True, slots=True)
class InputTranscript:
    text: str


@dataclass(frozen=True, slots=True)
class GenerationComplete:
    pass


@dataclass(frozen=True, slots=True)
class Interrupted:
    pass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens billed for one turn: the whole context so far, and what was said in it."""

    prompt_text: int
    prompt_audio: int
    prompt_image: int
    response_audio: int


@dataclass(frozen=True, slots=True)
class TurnComplete:
    """`idle` adds interactionStatus IDLE, which some models send; `reason` says why the turn ended
    although nothing was said."""

    usage: Usage | None
    idle: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class FunctionCall:
    call_id: str
    name: str
    args: Any
    """An object, unless the scenario wants something else."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    calls: tuple[FunctionCall, ...]


@dataclass(frozen=True, slots=True)
class ToolCallCancellation:
    call_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoAway:
    time_left_s: float


@dataclass(frozen=True, slots=True)
class ResumptionUpdate:
    """`handle` is None while the session cannot be resumed."""

    handle: str | None


@dataclass(frozen=True, slots=True)
class Unspecified:
    """A message that no client knows, sent unchanged."""

    content: JsonObject


@dataclass(frozen=True, slots=True)
class Binary:
    """A message that isn't JSON."""

    data: bytes


ServerMessage = (
    SetupComplete
    | AudioChunk
    | OutputTranscript
    | InputTranscript
    | GenerationComplete
    | Interrupted
    | TurnComplete
    | ToolCall
    | ToolCallCancellation
    | GoAway
    | ResumptionUpdate
    | Unspecified
    | Binary
)

"""What the core wants done. Actions of one answer are carried out in order."""

from dataclasses import dataclass
from typing import TypeAlias

from ringdown.calls import CallChanges, NextAction
from ringdown.tools import ToolAnswer, ToolDeclaration, ToolRequest
from stream_handler.core.deadlines import Timer
from stream_handler.core.model_config import ModelConfig


@dataclass(frozen=True, slots=True)
class ConnectModel:
    config: ModelConfig


@dataclass(frozen=True, slots=True)
class CloseModel:
    pass


@dataclass(frozen=True, slots=True)
class SendModelAudio:
    """PCM16 LE mono at 16 kHz."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class SendModelText:
    text: str


@dataclass(frozen=True, slots=True)
class UpdateModelContext:
    """From now on the session follows these instructions."""

    instructions: str


@dataclass(frozen=True, slots=True)
class PlayAudio:
    """µ-law at 8 kHz, any length."""

    mulaw: bytes


@dataclass(frozen=True, slots=True)
class PlayRingback:
    """One ring of the tone that callers hear while a phone rings; ended by ClearPlayback."""


@dataclass(frozen=True, slots=True)
class SendMark:
    name: str


@dataclass(frozen=True, slots=True)
class ClearPlayback:
    """Send `clear` before anything else, and drop media and marks that are still queued."""


@dataclass(frozen=True, slots=True)
class CallTool:
    id: str
    tool: ToolDeclaration
    request: ToolRequest


@dataclass(frozen=True, slots=True)
class CancelTool:
    id: str


@dataclass(frozen=True, slots=True)
class SendToolResponse:
    """`silent`: the model is to take note and say nothing."""

    id: str
    name: str
    answer: ToolAnswer
    silent: bool = False


@dataclass(frozen=True, slots=True)
class StartTimer:
    timer: Timer
    after_ms: int


@dataclass(frozen=True, slots=True)
class CancelTimer:
    timer: Timer


@dataclass(frozen=True, slots=True)
class SaveCall:
    """Write `changes`; a `final` save goes at once and is answered by SaveDone or SaveFailed."""

    changes: CallChanges
    final: bool = False


@dataclass(frozen=True, slots=True)
class CloseStream:
    """The last action of every session; `next` is what `/after-stream` will do, if decided."""

    next: NextAction | None


Action: TypeAlias = (
    SendModelAudio
    | PlayAudio
    | SendMark
    | PlayRingback
    | ClearPlayback
    | ConnectModel
    | CloseModel
    | SendModelText
    | UpdateModelContext
    | CallTool
    | CancelTool
    | SendToolResponse
    | StartTimer
    | CancelTimer
    | SaveCall
    | CloseStream
)

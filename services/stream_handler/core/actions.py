"""What the core wants done. Actions of one answer are carried out in order."""

from typing import TypeAlias

import msgspec

from ringdown.calls import CallChanges, NextAction
from ringdown.tools import ToolAnswer, ToolDeclaration, ToolRequest
from stream_handler.core.deadlines import Timer
from stream_handler.core.model_config import ModelConfig


class ConnectModel(msgspec.Struct, frozen=True):
    config: ModelConfig


class CloseModel(msgspec.Struct, frozen=True):
    pass


class SendModelAudio(msgspec.Struct, frozen=True, gc=False):
    """PCM16 LE mono at 16 kHz."""

    pcm: bytes


class SendModelText(msgspec.Struct, frozen=True):
    text: str


class UpdateModelContext(msgspec.Struct, frozen=True):
    """From now on the session follows these instructions."""

    instructions: str


class PlayAudio(msgspec.Struct, frozen=True, gc=False):
    """µ-law at 8 kHz, any length."""

    mulaw: bytes


class PlayRingback(msgspec.Struct, frozen=True):
    """One ring of the tone that callers hear while a phone rings; ended by ClearPlayback."""


class SendMark(msgspec.Struct, frozen=True, gc=False):
    name: str


class ClearPlayback(msgspec.Struct, frozen=True):
    """Send `clear` before anything else, and drop media and marks that are still queued."""


class CallTool(msgspec.Struct, frozen=True):
    id: str
    tool: ToolDeclaration
    request: ToolRequest


class CancelTool(msgspec.Struct, frozen=True):
    id: str


class SendToolResponse(msgspec.Struct, frozen=True):
    """`silent`: the model is to take note and say nothing."""

    id: str
    name: str
    answer: ToolAnswer
    silent: bool = False


class StartTimer(msgspec.Struct, frozen=True):
    timer: Timer
    after_ms: int


class CancelTimer(msgspec.Struct, frozen=True):
    timer: Timer


class SaveCall(msgspec.Struct, frozen=True):
    """Write `changes`; a `final` save goes at once and is answered by SaveDone or SaveFailed."""

    changes: CallChanges
    final: bool = False


class CloseStream(msgspec.Struct, frozen=True):
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

"""What the core wants done. The actions returned for one event are carried out in order."""

from typing import TypeAlias

import msgspec

from ringdown.calls import CallChanges, NextAction
from ringdown.tools import Scheduling, ToolAnswer, ToolDeclaration, ToolRequest
from stream_handler.call.model_config import ModelConfig
from stream_handler.call.ringing import Ring
from stream_handler.call.timers import Timer


class ConnectModel(msgspec.Struct, frozen=True):
    """Open a session; once open, it replaces the previous one.

    ModelConnected or ModelConnectFailed follows. A session that resumes another is opened only
    after the earlier sockets are closed.
    """

    config: ModelConfig
    within_ms: float
    endpoint: int = 0
    """Index of the endpoint to dial, in the order given by StreamStarted."""


class CloseModel(msgspec.Struct, frozen=True):
    """Close every session, open or being opened; ignore anything more they send."""


class SendModelAudio(msgspec.Struct, frozen=True, gc=False):
    """Send audio to the model: PCM16 LE mono at 16 kHz."""

    pcm: bytes


class SendModelText(msgspec.Struct, frozen=True):
    text: str


class SendModelImage(msgspec.Struct, frozen=True):
    jpeg: bytes


class UpdateModelContext(msgspec.Struct, frozen=True):
    """Give the session these instructions from now on."""

    instructions: str


class PlayAudio(msgspec.Struct, frozen=True, gc=False):
    """Play µ-law at 8 kHz, of any length."""

    mulaw: bytes


class PlayRingback(msgspec.Struct, frozen=True):
    """Play one ring; ClearPlayback stops it."""

    ring: Ring


class PlayTone(msgspec.Struct, frozen=True):
    """Play the soft waiting tone once; ClearPlayback stops it."""


class SendMark(msgspec.Struct, frozen=True, gc=False):
    name: str


class ClearPlayback(msgspec.Struct, frozen=True):
    """Send `clear` before anything else, and drop media and marks that are still queued."""


class CallTool(msgspec.Struct, frozen=True):
    """Call a tool. ToolCallFinished follows, even after CloseStream: requests run to their end."""

    id: str
    tool: ToolDeclaration
    request: ToolRequest


class SendToolResponse(msgspec.Struct, frozen=True):
    """Send the model the result of a tool call.

    `scheduling` says when it should mention the result, if it didn't wait for it.
    """

    id: str
    name: str
    answer: ToolAnswer
    scheduling: Scheduling | None = None


class StartTimer(msgspec.Struct, frozen=True):
    timer: Timer
    after_ms: int


class CancelTimer(msgspec.Struct, frozen=True):
    timer: Timer


class SaveCall(msgspec.Struct, frozen=True):
    """Write `changes`; a `final` save is immediate, and leads to SaveDone or SaveFailed."""

    changes: CallChanges
    final: bool = False


class CloseStream(msgspec.Struct, frozen=True):
    """Every session ends with this; `next` is what `/after-stream` will do, if decided.

    After it, only tool results are saved.
    """

    next: NextAction | None


Action: TypeAlias = (
    SendModelAudio
    | PlayAudio
    | SendMark
    | PlayRingback
    | PlayTone
    | ClearPlayback
    | ConnectModel
    | CloseModel
    | SendModelText
    | SendModelImage
    | UpdateModelContext
    | CallTool
    | SendToolResponse
    | StartTimer
    | CancelTimer
    | SaveCall
    | CloseStream
)

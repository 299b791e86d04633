"""Everything that can happen to a stream; `at_ms` is in milliseconds since the stream started."""

from typing import TypeAlias

import msgspec

from ringdown.agents import Agent
from ringdown.gemini.events import (
    GenerationCompleted as GenerationCompleted,
    GoAwayReceived as GoAwayReceived,
    ModelInterrupted as ModelInterrupted,
    ResumptionUpdated as ResumptionUpdated,
    ToolCallCancelled as ToolCallCancelled,
    ToolCallRequested as ToolCallRequested,
    TranscriptReceived as TranscriptReceived,
    TurnCompleted as TurnCompleted,
    UsageReported as UsageReported,
)
from ringdown.tools import ToolAnswer
from stream_handler.call.timers import Timer

_AUDIBLE_DBFS = -50.0
"""Far below a model's softest speech, and above its noise when it says nothing."""


class StreamStarted(msgspec.Struct, frozen=True, omit_defaults=True):
    """The call is claimed and Twilio is ready to play audio."""

    at_ms: float
    endpoints: tuple[str, ...] = ()
    """The names of the model's endpoints, in dialling order; empty in older records, made when
    there was only one."""
    greeting: bytes = b""
    """The greeting's clip, µ-law at 8 kHz; empty if the model says the greeting."""


class CallerAudio(msgspec.Struct, frozen=True, gc=False):
    """A frame from the caller, already converted for the model: PCM16 LE mono at 16 kHz."""

    at_ms: float
    pcm: bytes
    level_dbfs: float


class MarkReceived(msgspec.Struct, frozen=True, gc=False):
    at_ms: float
    name: str


class DtmfReceived(msgspec.Struct, frozen=True):
    """The caller pressed a key: 0-9, * or #."""

    at_ms: float
    digit: str


class StreamStopped(msgspec.Struct, frozen=True):
    """Twilio sent `stop`: the caller hung up."""

    at_ms: float


class StreamLost(msgspec.Struct, frozen=True):
    """The socket to Twilio closed without a `stop`, or stopped accepting data."""

    at_ms: float


class ModelConnected(msgspec.Struct, frozen=True):
    at_ms: float


class ModelConnectFailed(msgspec.Struct, frozen=True):
    """`code` is the HTTP status or the close code, if any."""

    at_ms: float
    reason: str = ""
    code: int | None = None


class ModelDisconnected(msgspec.Struct, frozen=True):
    """`code` is the close code, if any."""

    at_ms: float
    reason: str = ""
    code: int | None = None


class ModelAudio(msgspec.Struct, frozen=True, gc=False):
    """A chunk of the model's speech, already converted for Twilio: µ-law at 8 kHz."""

    at_ms: float
    mulaw: bytes
    level_dbfs: float = -20.0
    steady: bool = False
    """Its level hasn't changed since the previous chunk: true of tones, never of voices."""

    @property
    def audible(self) -> bool:
        return self.level_dbfs >= _AUDIBLE_DBFS


class ToolCallFinished(msgspec.Struct, frozen=True):
    """A tool call ended; `id` is that of the CallTool."""

    at_ms: float
    id: str
    answer: ToolAnswer
    certain: bool = True
    """False if no response came: the tool may still have done it."""


class TimerFired(msgspec.Struct, frozen=True):
    at_ms: float
    timer: Timer


class SaveDone(msgspec.Struct, frozen=True):
    """The final save was committed."""

    at_ms: float


class SaveFailed(msgspec.Struct, frozen=True):
    """The final save was abandoned."""

    at_ms: float


class AgentEdited(msgspec.Struct, frozen=True):
    """Operators edited the agent and want the edit to reach live calls."""

    at_ms: float
    agent: Agent
    revision: str


class PictureReceived(msgspec.Struct, frozen=True):
    """The caller sent a JPEG picture; `n` counts everything they have sent in the call."""

    at_ms: float
    n: int
    jpeg: bytes


class TextReceived(msgspec.Struct, frozen=True):
    """The caller typed a text on their phone."""

    at_ms: float
    n: int
    text: str


class DrainRequested(msgspec.Struct, frozen=True):
    """The process must stop: hand the call over at a good moment, within `within_ms`."""

    at_ms: float
    within_ms: float


NoAudio: TypeAlias = (
    MarkReceived
    | DtmfReceived
    | StreamStarted
    | StreamStopped
    | StreamLost
    | ModelConnected
    | ModelConnectFailed
    | ModelDisconnected
    | GoAwayReceived
    | ResumptionUpdated
    | ModelInterrupted
    | GenerationCompleted
    | TurnCompleted
    | TranscriptReceived
    | ToolCallRequested
    | ToolCallCancelled
    | ToolCallFinished
    | UsageReported
    | TimerFired
    | SaveDone
    | SaveFailed
    | AgentEdited
    | PictureReceived
    | TextReceived
    | DrainRequested
)
Event: TypeAlias = CallerAudio | ModelAudio | NoAudio

"""What happens to a stream. Every event carries `at_ms`: milliseconds since the stream started."""

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
"""Far below the softest speech of a model, and above the noise of one that says nothing."""


class StreamStarted(msgspec.Struct, frozen=True, omit_defaults=True):
    """The call is claimed and Twilio is ready to play audio."""

    at_ms: float
    endpoints: tuple[str, ...] = ()
    """The names of the model's endpoints, in the order in which they are dialled; empty in older
    records, when there was one."""
    greeting: bytes = b""
    """The clip of the agent's greeting, µ-law at 8 kHz; empty if the model is to say it."""


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
    """Twilio said `stop`: the caller hung up."""

    at_ms: float


class StreamLost(msgspec.Struct, frozen=True):
    """The socket to Twilio closed, or stopped taking data, without a `stop`."""

    at_ms: float


class ModelConnected(msgspec.Struct, frozen=True):
    at_ms: float


class ModelConnectFailed(msgspec.Struct, frozen=True):
    """`code` is the HTTP status or the close code, if there was one."""

    at_ms: float
    reason: str = ""
    code: int | None = None


class ModelDisconnected(msgspec.Struct, frozen=True):
    """`code` is the close code, if there was one."""

    at_ms: float
    reason: str = ""
    code: int | None = None


class ModelAudio(msgspec.Struct, frozen=True, gc=False):
    """A chunk of the model's speech, already converted for Twilio: µ-law at 8 kHz."""

    at_ms: float
    mulaw: bytes
    level_dbfs: float = -20.0
    steady: bool = False
    """Its level has been the same since the chunk before, as a tone's is and no voice's."""

    @property
    def audible(self) -> bool:
        return self.level_dbfs >= _AUDIBLE_DBFS


class ToolCallFinished(msgspec.Struct, frozen=True):
    """A tool has answered; `id` is that of the CallTool."""

    at_ms: float
    id: str
    answer: ToolAnswer
    certain: bool = True
    """False: there was no answer, and the tool may have done it all the same."""


class TimerFired(msgspec.Struct, frozen=True):
    at_ms: float
    timer: Timer


class SaveDone(msgspec.Struct, frozen=True):
    """The final save is committed."""

    at_ms: float


class SaveFailed(msgspec.Struct, frozen=True):
    """The final save was given up."""

    at_ms: float


class AgentEdited(msgspec.Struct, frozen=True):
    """Operators have edited the agent, and the edit is for calls in progress."""

    at_ms: float
    agent: Agent
    revision: str


class PictureReceived(msgspec.Struct, frozen=True):
    """The caller has sent a picture, a JPEG; `n` counts what they have sent in the call."""

    at_ms: float
    n: int
    jpeg: bytes


class TextReceived(msgspec.Struct, frozen=True):
    """The caller has typed a text on their telephone."""

    at_ms: float
    n: int
    text: str


class DrainRequested(msgspec.Struct, frozen=True):
    """The call can't stay here: hand it over within this time, at a good moment."""

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

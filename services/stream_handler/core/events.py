"""What happens to a stream. Every event carries `at_ms`: milliseconds since the stream started."""

from dataclasses import dataclass
from typing import TypeAlias

from ringdown.agents import Agent
from ringdown.calls import Speaker, Usage
from ringdown.tools import Json, ToolAnswer
from stream_handler.core.deadlines import Timer


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """The call is claimed and Twilio is ready to play audio."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class CallerAudio:
    """A frame from the caller, already converted for the model: PCM16 LE mono at 16 kHz."""

    at_ms: float
    pcm: bytes
    level_dbfs: float


@dataclass(frozen=True, slots=True)
class MarkReceived:
    at_ms: float
    name: str


@dataclass(frozen=True, slots=True)
class DtmfReceived:
    """The caller pressed a key: 0-9, * or #."""

    at_ms: float
    digit: str


@dataclass(frozen=True, slots=True)
class StreamStopped:
    """Twilio said `stop`: the caller hung up."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class StreamLost:
    """The socket to Twilio closed, or stopped taking data, without a `stop`."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class ModelConnected:
    at_ms: float


@dataclass(frozen=True, slots=True)
class ModelConnectFailed:
    at_ms: float


@dataclass(frozen=True, slots=True)
class ModelDisconnected:
    at_ms: float


@dataclass(frozen=True, slots=True)
class ModelAudio:
    """A chunk of the model's speech, already converted for Twilio: µ-law at 8 kHz."""

    at_ms: float
    mulaw: bytes


@dataclass(frozen=True, slots=True)
class ModelInterrupted:
    """The model noticed that the caller speaks, and dropped the rest of its reply."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class GenerationCompleted:
    """The model has sent the last of this reply's audio."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class TurnCompleted:
    at_ms: float


@dataclass(frozen=True, slots=True)
class TranscriptReceived:
    at_ms: float
    speaker: Speaker
    text: str


@dataclass(frozen=True, slots=True)
class ToolCallRequested:
    at_ms: float
    id: str
    name: str
    args: dict[str, Json]


@dataclass(frozen=True, slots=True)
class ToolCallCancelled:
    at_ms: float
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ToolCallFinished:
    at_ms: float
    id: str
    answer: ToolAnswer


@dataclass(frozen=True, slots=True)
class UsageReported:
    at_ms: float
    usage: Usage


@dataclass(frozen=True, slots=True)
class TimerFired:
    at_ms: float
    timer: Timer


@dataclass(frozen=True, slots=True)
class SaveDone:
    """The final save is committed."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class SaveFailed:
    """The final save was given up."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class AgentEdited:
    """Operators have edited the agent, and the edit is for calls in progress."""

    at_ms: float
    agent: Agent
    revision: str


@dataclass(frozen=True, slots=True)
class DrainRequested:
    """This process must stop; the call cannot stay here."""

    at_ms: float


Event: TypeAlias = (
    CallerAudio
    | ModelAudio
    | MarkReceived
    | DtmfReceived
    | StreamStarted
    | StreamStopped
    | StreamLost
    | ModelConnected
    | ModelConnectFailed
    | ModelDisconnected
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
    | DrainRequested
)

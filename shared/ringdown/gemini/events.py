"""The events of a model session. `at_ms` is in milliseconds since the stream started."""

from typing import TypeAlias

import msgspec

from ringdown.calls import Speaker, Usage
from ringdown.tools import Json


class ModelSpeech(msgspec.Struct, frozen=True, gc=False):
    """A chunk of the model's speech: PCM16 LE mono at 24 kHz."""

    pcm: bytes


class ModelInterrupted(msgspec.Struct, frozen=True):
    """The model noticed the caller speaking, and dropped the rest of its reply."""

    at_ms: float


class GenerationCompleted(msgspec.Struct, frozen=True):
    """The model has sent the last of this reply's audio."""

    at_ms: float


class TurnCompleted(msgspec.Struct, frozen=True):
    """The model's turn is over. `reason` is the service's, if the turn ended in an unusual way."""

    at_ms: float
    reason: str = ""


class TranscriptReceived(msgspec.Struct, frozen=True):
    at_ms: float
    speaker: Speaker
    text: str


class ToolCallRequested(msgspec.Struct, frozen=True):
    at_ms: float
    id: str
    name: str
    args: dict[str, Json]
    blocks: bool = False
    """Whether the model stays silent until it has the result."""
    twin: int = 0
    """The number of earlier calls in the same message with the same name and arguments."""


class ToolCallCancelled(msgspec.Struct, frozen=True):
    at_ms: float
    ids: tuple[str, ...]


class UsageReported(msgspec.Struct, frozen=True):
    at_ms: float
    usage: Usage


class GoAwayReceived(msgspec.Struct, frozen=True):
    """The model's side will close the connection in `left_ms`."""

    at_ms: float
    left_ms: float


class ResumptionUpdated(msgspec.Struct, frozen=True):
    """`handle` restores the session in its current state."""

    at_ms: float
    handle: str


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

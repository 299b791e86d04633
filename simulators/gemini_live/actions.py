"""The actions that a conversation requests from its shell, and its notes for the record."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulators.gemini_live.memory import Memory
from simulators.gemini_live.messages import ServerMessage
from simulators.speech.pcm import Pcm


@dataclass(frozen=True, slots=True)
class Send:
    message: ServerMessage


@dataclass(frozen=True, slots=True)
class Recognise:
    """Recognise speech, then call `Conversation.recognised(utterance_id, phrase)`."""

    utterance_id: int
    pcm: Pcm
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Synthesise:
    """Synthesise a text at 24 kHz, then call `Conversation.synthesised(turn_id, pcm)`."""

    turn_id: int
    text: str


@dataclass(frozen=True, slots=True)
class Remember:
    """Store `memory` under `handle`; with `lost`, only pretend to."""

    handle: str
    memory: Memory
    lost: bool


@dataclass(frozen=True, slots=True)
class Disconnect:
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Abort:
    """Drop the connection without a close frame."""


@dataclass(frozen=True, slots=True)
class StopReading:
    """Stop reading, so that the client's messages stay in the socket."""


@dataclass(frozen=True, slots=True)
class UtteranceHeard:
    """What the caller said: a known phrase, or None. Times are positions in the received audio."""

    phrase: str | None
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class TurnSpoken:
    """What the model said in one turn, whole or up to an interruption.

    `first_sample` and `samples` locate its audio in everything sent (24 kHz); `heard_ms` is how
    much of it had been played when the turn ended, if the client plays audio immediately.
    """

    text: str
    started_at_ms: float
    ended_at_ms: float
    first_sample: int
    samples: int
    heard_ms: float
    interrupted: bool


@dataclass(frozen=True, slots=True)
class ToolCalled:
    call_id: str
    name: str
    args: Any
    at_ms: float


@dataclass(frozen=True, slots=True)
class ToolAnswered:
    call_id: str
    response: Mapping[str, Any]
    at_ms: float


@dataclass(frozen=True, slots=True)
class Problem:
    """A mismatch between scenario and session; the conversation continued."""

    text: str
    at_ms: float


Note = UtteranceHeard | TurnSpoken | ToolCalled | ToolAnswered | Problem

Action = (
    Send
    | Recognise
    | Synthesise
    | Remember
    | Disconnect
    | Abort
    | StopReading
    | UtteranceHeard
    | TurnSpoken
    | ToolCalled
    | ToolAnswered
    | Problem
)

"""What a page of a call is made from. Only the record is needed; the rest shows more of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from ringdown.calls import CallRecord

Pcm = npt.NDArray[np.int16]
"""Mono samples, one dimension."""


class MomentKind(StrEnum):
    """What happened on the line beside the talking."""

    MARK = "mark"
    CLEAR = "clear"
    NOTICE = "notice"
    """A sentence that the phone network spoke; `text` has its words."""
    STREAM_OPEN = "stream-open"
    STREAM_END = "stream-end"
    PHONE = "phone"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Moment:
    """`at_ms` is a place on the page's time line; `text` says in plain words what happened."""

    kind: MomentKind
    at_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Recording:
    """Both sides of the line; a shorter one is silent at its end."""

    rate_hz: int
    caller: Pcm
    agent: Pcm

    @property
    def duration_ms(self) -> int:
        return max(len(self.caller), len(self.agent)) * 1000 // self.rate_hz


@dataclass(frozen=True, slots=True)
class Arrival:
    """Whether a sentence reached the other side, and why we say so."""

    sentence: str
    ok: bool
    why: str


@dataclass(frozen=True, slots=True)
class CallPage:
    """A call as its page shows it.

    The time line begins with the recording, or with the stream where there is none;
    `stream_began_ms` is the place on it from which the record counts its times. `problems` is
    None when nobody has judged the call, and empty when it went as it should.
    """

    record: CallRecord
    stream_began_ms: int = 0
    recording: Recording | None = None
    moments: Sequence[Moment] = ()
    heard_by_caller: Sequence[Arrival] = ()
    heard_by_model: Sequence[Arrival] = ()
    problems: Sequence[str] | None = None

"""What a call page is made from. Only the record is required; the rest adds detail."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from ringdown.calls import CallRecord

Pcm = npt.NDArray[np.int16]
"""Mono samples, one dimension."""


class MomentKind(StrEnum):
    """What happened on the line besides speech."""

    MARK = "mark"
    CLEAR = "clear"
    NOTICE = "notice"
    """A sentence spoken by the phone network; `text` has its words."""
    STREAM_OPEN = "stream-open"
    STREAM_END = "stream-end"
    PHONE = "phone"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Moment:
    """`at_ms` counts from the ring; `text` says in plain words what happened."""

    kind: MomentKind
    at_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Recording:
    """Both sides of the line; a shorter one is silent at its end. `began_ms` is since the ring."""

    rate_hz: int
    caller: Pcm
    agent: Pcm
    began_ms: int = 0

    @property
    def duration_ms(self) -> int:
        return max(len(self.caller), len(self.agent)) * 1000 // self.rate_hz


@dataclass(frozen=True, slots=True)
class ServedRecording:
    """A recording that the page's site serves at `address`."""

    address: str
    began_ms: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """Whether a sentence reached the other side, and how we know."""

    sentence: str
    ok: bool
    why: str


def in_the_page(pictures: Mapping[int, bytes]) -> dict[int, str]:
    """Addresses that hold the JPEGs themselves, for a page that is one file."""
    return {
        n: f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
        for n, jpeg in pictures.items()
    }


@dataclass(frozen=True, slots=True)
class CallPage:
    """A call as its page shows it. A real call has only a record; the page is the same.

    All times on the page count from the ring, `record.call.created_at`. `problems` is None if the
    call wasn't judged, and empty if none were found.
    """

    record: CallRecord
    recording: Recording | ServedRecording | None = None
    moments: Sequence[Moment] = ()
    heard_by_caller: Sequence[Arrival] = ()
    heard_by_model: Sequence[Arrival] = ()
    problems: Sequence[str] | None = None
    pictures: Mapping[int, str] = field(default_factory=dict)
    """What the caller sent and the agent keeps: the address of each, by its number."""

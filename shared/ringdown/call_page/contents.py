"""The contents of a call page. Only the record is required; the rest adds detail."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from ringdown.calls import CallRecord

Pcm = npt.NDArray[np.int16]
"""Mono samples in one dimension."""


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
    """Something that happened. `at_ms` counts from the ring; `text` describes it in plain words."""

    kind: MomentKind
    at_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Recording:
    """Both sides' audio; the shorter one is silent at its end. `began_ms` counts from the ring."""

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
    """Return data URLs that hold the JPEGs themselves, for a page that is a single file."""
    return {
        n: f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
        for n, jpeg in pictures.items()
    }


@dataclass(frozen=True, slots=True)
class CallPage:
    """A call as its page shows it. Only simulated calls have `moments` and `heard_by_…`.

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
    """The addresses of pictures that the caller sent and the agent keeps, by upload number."""

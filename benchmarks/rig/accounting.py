"""Computes delays and losses from the marks; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.results import Delay
from benchmarks.rig.marks import BURST_MS, Heard

EXCUSED_S = 0.4
"""A target may rightly drop a burst that was sent this shortly before an interruption."""

_TOLERANCE_MS = 2.0  # filters move an onset by a sample or two


@dataclass(slots=True)
class Burst:
    """One burst: when its first sample was sent and heard, and where in each stream."""

    tone: int
    sent_s: float
    sent_ms: float
    heard_s: float | None = None
    heard_ms: float | None = None


class BurstLog:
    """The bursts in one direction of a call."""

    def __init__(self) -> None:
        self.bursts: list[Burst] = []
        self._awaited: dict[int, Burst] = {}

    def sent(self, tone: int, at_s: float, position_ms: float) -> None:
        burst = Burst(tone, at_s, position_ms)
        self.bursts.append(burst)
        self._awaited[tone] = burst

    def heard(self, heard: Heard, rate_hz: int) -> None:
        """Note a burst. Ignores an unexpected one, which is a piece of one that was cut off."""
        burst = self._awaited.pop(heard.tone, None)
        if burst is not None:
            burst.heard_s = heard.at_s
            burst.heard_ms = heard.position * 1000 / rate_hz

    def interrupted(self, at_s: float) -> None:
        """Don't count the bursts that are on their way now, because they may be dropped."""
        excused = {
            tone: burst for tone, burst in self._awaited.items() if burst.sent_s > at_s - EXCUSED_S
        }
        for tone, burst in excused.items():
            del self._awaited[tone]
            self.bursts.remove(burst)


@dataclass(slots=True)
class BargeIn:
    """When the model reported an interruption, and when `clear` was sent."""

    sent_s: float
    cleared_s: float | None = None


@dataclass(slots=True)
class CallLog:
    """Everything the rig notes about one call."""

    up: BurstLog = field(default_factory=BurstLog)
    down: BurstLog = field(default_factory=BurstLog)
    barge_ins: list[BargeIn] = field(default_factory=list)
    started_s: float | None = None
    """When the caller sent `start`."""
    asked_s: float | None = None
    """When the model was asked to speak; it speaks immediately."""
    sound_s: float | None = None
    """When the caller was sent the first sound, from any source."""
    pictures: int = 0
    """How many pictures the model was shown."""
    failure: str | None = None

    def cleared(self, at_s: float) -> None:
        if self.barge_ins and self.barge_ins[-1].cleared_s is None:
            self.barge_ins[-1].cleared_s = at_s

    def fail(self, why: str) -> None:
        self.failure = self.failure or why


@dataclass(frozen=True, slots=True)
class Window:
    """The time being measured."""

    begin_s: float
    end_s: float

    def has(self, at_s: float) -> bool:
        return self.begin_s <= at_s < self.end_s

    def bursts(self, log: BurstLog) -> list[Burst]:
        """The bursts sent in this window."""
        return [burst for burst in log.bursts if self.has(burst.sent_s)]


def delay(values_ms: Iterable[float]) -> Delay:
    ordered = np.array(sorted(values_ms))
    if not len(ordered):
        return Delay(None, None, 0)
    p50, p99 = np.percentile(ordered, (50, 99))
    return Delay(float(p50), float(p99), len(ordered))


def delays_ms(bursts: Iterable[Burst]) -> list[float]:
    return [1000 * (b.heard_s - b.sent_s) for b in bursts if b.heard_s is not None]


def barge_ins_ms(calls: Iterable[CallLog], window: Window) -> list[float]:
    barge_ins = (barge_in for call in calls for barge_in in call.barge_ins)
    return [
        1000 * (barge_in.cleared_s - barge_in.sent_s)
        for barge_in in barge_ins
        if barge_in.cleared_s is not None and window.has(barge_in.sent_s)
    ]


def clears_missed(calls: Iterable[CallLog], window: Window) -> int:
    """Count the interruptions without a `clear`."""
    barge_ins = (barge_in for call in calls for barge_in in call.barge_ins)
    return sum(b.cleared_s is None and window.has(b.sent_s) for b in barge_ins)


def first_audio_ms(call: CallLog) -> float | None:
    """From `start` to the first burst at the caller, without the time the model took."""
    first = call.down.bursts[0] if call.down.bursts else None
    if call.started_s is None or call.asked_s is None or first is None or first.heard_s is None:
        return None
    return 1000 * (call.asked_s - call.started_s + first.heard_s - first.sent_s)


def lost_ms(bursts: Sequence[Burst]) -> float:
    """Return how much audio between the first and the last burst didn't arrive.

    It is counted in samples, so late audio doesn't count as lost. A burst that was never heard
    counts for at least its own length and, at either end, for all the audio next to it.
    """
    heard_ms = [burst.heard_ms for burst in bursts if burst.heard_ms is not None]
    unheard = len(bursts) - len(heard_ms)
    sent_ms = bursts[-1].sent_ms - bursts[0].sent_ms if bursts else 0.0
    missing_ms = sent_ms - (heard_ms[-1] - heard_ms[0] if heard_ms else 0.0)
    return max(unheard * BURST_MS, missing_ms if missing_ms > _TOLERANCE_MS else 0.0)


def bursts_lost(bursts: Iterable[Burst]) -> int:
    return sum(burst.heard_s is None for burst in bursts)

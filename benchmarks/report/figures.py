"""What is told of the results: each figure's median and range over the runs. Pure.

Ratios and differences are taken within a run, where both targets met the same minute, and only
then is their median taken.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks.results import Delay, LoadPoint

OURS, FLOOR, RIVAL = "ringdown", "relay", "pipecat"
ORDER = (FLOOR, OURS, RIVAL)

FULL_CORE = 0.95
LATE_MS = 1_000.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Of one figure over all runs."""

    median: float
    least: float
    most: float


def spread(values: Iterable[float | None]) -> Spread | None:
    """None if no run has the figure."""
    known = sorted(value for value in values if value is not None)
    return Spread(statistics.median(known), known[0], known[-1]) if known else None


@dataclass(frozen=True, slots=True)
class Figure:
    """One of a point's figures, in the unit that it is shown in; less is better."""

    name: str
    unit: str
    of: Callable[[LoadPoint], float | None]


def _delays(name: str, of: Callable[[LoadPoint], Delay]) -> tuple[Figure, Figure]:
    return (
        Figure(f"{name} p50", "ms", lambda point: of(point).p50_ms),
        Figure(f"{name} p99", "ms", lambda point: of(point).p99_ms),
    )


UPLINK = _delays("uplink", lambda point: point.uplink)
DOWNLINK = _delays("downlink", lambda point: point.downlink)
BARGE_IN = _delays("barge-in", lambda point: point.barge_in)
FIRST_AUDIO = _delays("first audio", lambda point: point.first_audio)
CORE = Figure("core per call", "%", lambda point: 100 * point.core_share_per_call)
MEMORY = Figure("memory per call", "MB", lambda point: point.memory_per_call_mb)

ALL = (*UPLINK, *DOWNLINK, *BARGE_IN, *FIRST_AUDIO, CORE, MEMORY)

Relation: TypeAlias = Callable[[float, float], float | None]


def ratio(mine: float, theirs: float) -> float | None:
    """None where there is nothing to be a multiple of."""
    return mine / theirs if theirs > 0 else None


def difference(mine: float, theirs: float) -> float:
    return mine - theirs


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """The load part of the results, by target and number of calls."""

    points: Sequence[LoadPoint]

    @property
    def targets(self) -> list[str]:
        """Those measured: the floor first, unknown ones last."""
        measured = {point.target for point in self.points}
        return [name for name in ORDER if name in measured] + sorted(measured - set(ORDER))

    @property
    def calls(self) -> list[int]:
        return sorted({point.calls for point in self.points})

    def at(self, target: str, calls: int) -> list[LoadPoint]:
        """One point a run."""
        return [p for p in self.points if p.target == target and p.calls == calls]

    def of(self, figure: Figure, target: str, calls: int) -> Spread | None:
        return spread(figure.of(point) for point in self.at(target, calls))

    def beside(
        self,
        figure: Figure,
        other: str,
        calls: int,
        how: Relation,
        *,
        target: str = OURS,
    ) -> Spread | None:
        """The spread of `how(target's, other's)` over the runs that have both."""
        others = {point.run: figure.of(point) for point in self.at(other, calls)}
        pairs = ((figure.of(p), others.get(p.run)) for p in self.at(target, calls))
        return spread(how(a, b) for a, b in pairs if a is not None and b is not None)

    def carries(self, target: str, calls: int) -> bool:
        """Whether the target bore so many: else its figures say what it got, not what it needs.

        It has time left on its core, no call fails, and hardly any audio is a second late.
        """
        points = self.at(target, calls)
        used = spread(p.core_share_per_call * max(p.calls - p.calls_failed, 1) for p in points)
        late_ms = spread(p.uplink.p99_ms for p in points)
        failed = spread(p.calls_failed for p in points)
        if used is None or late_ms is None or failed is None:
            return False
        return used.median < FULL_CORE and late_ms.median < LATE_MS and failed.median == 0

    def most_carried(self, target: str) -> int | None:
        """The greatest load tried up to which the target bore every one."""
        most = None
        for calls in self.calls:
            if not self.carries(target, calls):
                break
            most = calls
        return most

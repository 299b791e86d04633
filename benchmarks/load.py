"""Measures every target with every number of calls, run after run."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import uvloop

from benchmarks.results import Delay, LoadPoint
from benchmarks.rig.point import Load, measure
from benchmarks.rig.usage import find_pins, kept_to_rig_core
from benchmarks.targets import Target

BUSY_RIG = 0.8
BUSY_OTHERS = 0.1

_AROUND_A_WINDOW_S = 9.0  # start, warm-up, settling, stop
_STARTS_PER_S = 25.0

_DELAYS_MS = "".join(
    f"{name:>16}" for name in ("uplink, ms", "downlink, ms", "barge-in, ms", "first audio, ms")
)
HEADING = (
    f"{'':15}{_DELAYS_MS}\n"
    f"{'target':<10}{'calls':>5}{'     p50     p99' * 4}"
    f"{'core/call':>11}{'MB/call':>9}{'lost':>12}{'rig':>6}"
)


@dataclass(frozen=True, slots=True)
class LoadPlan:
    targets: Sequence[Target]
    calls: Sequence[int]
    runs: int
    seconds: float
    ending: int = 0
    """Additional calls, which end while the others are measured."""

    @property
    def minutes(self) -> float:
        """Roughly how long all runs take."""
        each_s = (
            self.seconds + _AROUND_A_WINDOW_S + calls / _STARTS_PER_S for calls, _ in self.points
        )
        return self.runs * sum(each_s) / 60

    @property
    def points(self) -> Iterator[tuple[int, Target]]:
        """What each run measures, in order."""
        for calls in self.calls:
            for target in self.targets:
                if target.most_calls is None or calls <= target.most_calls:
                    yield calls, target


def measure_run(plan: LoadPlan, run: int) -> Iterator[LoadPoint]:
    """Measure point by point; the targets alternate, so that a slow minute hits them all.

    Raises devtools.processes.ProcessFailed, and benchmarks.rig.usage.TargetDied.
    """
    pins = find_pins()
    for calls, target in plan.points:
        load = Load(
            calls, run, plan.seconds, starts_per_s=_STARTS_PER_S, pins=pins, ending=plan.ending
        )
        with (
            kept_to_rig_core(pins),
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            yield runner.run(measure(target, load))


def row(point: LoadPoint) -> str:
    """Format a point as a line under `HEADING`, with remarks on what went wrong."""
    delays = (point.uplink, point.downlink, point.barge_in, point.first_audio)
    lost = f"{point.uplink_lost_ms:.0f} ms+{point.downlink_lost_bursts}"
    line = (
        f"{point.target:<10}{point.calls:>5}{''.join(_delay(delay) for delay in delays)}"
        f"{point.core_share_per_call:>11.2%}{point.memory_per_call_mb:>9.2f}{lost:>12}"
        f"{point.rig_core_share:>6.0%}"
    )
    return "   ".join((line, *_remarks(point)))


def _delay(delay: Delay) -> str:
    if delay.p50_ms is None or delay.p99_ms is None:
        return f"{'-':>8}{'-':>8}"
    return f"{delay.p50_ms:>8.1f}{delay.p99_ms:>8.1f}"


def _remarks(point: LoadPoint) -> Iterator[str]:
    if point.calls_failed:
        yield f"{point.calls_failed} calls failed"
    if point.pictures:
        yield f"{point.pictures} pictures shown"
    if point.clears_missed:
        yield f"{point.clears_missed} interruptions without a clear"
    if point.rig_core_share > BUSY_RIG:
        yield "THE RIG'S CORE IS FULL, which distorts the figures"
    if point.others_core_share > BUSY_OTHERS:
        yield f"OTHERS USED {point.others_core_share:.0%} OF A CORE: repeat this on an idle machine"

"""Measures one target with one number of calls, once."""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.results import LoadPoint
from benchmarks.rig import accounting
from benchmarks.rig.accounting import CallLog, Window
from benchmarks.rig.calls import Rig, running
from benchmarks.rig.usage import Pins, busy_s, cpu_s, resident_mb
from benchmarks.targets import Target

_HUNG_UP_S = 0.5
_LAST_BURSTS_S = 1.0  # bursts sent at the end of the window are still on their way


@dataclass(frozen=True, slots=True)
class Load:
    """How a target is loaded, and how long each phase lasts."""

    calls: int
    run: int = 1
    seconds: float = 10.0
    warm_up_s: float = 2.0
    settle_s: float = 2.0
    starts_per_s: float = 25.0
    pins: Pins | None = None
    ending: int = 0
    """Additional calls, which end while the others are measured."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The CPU time and memory used during the window."""

    target_core_s: float
    rig_core_s: float
    all_core_s: float
    """What all processes used of the two cores."""
    idle_mb: float
    loaded_mb: float


async def measure(
    target: Target, load: Load, *, loaded: Callable[[], None] = lambda: None
) -> LoadPoint:
    """Start the target, load it, and measure; calls `loaded` once all calls are up.

    Raises devtools.processes.ProcessFailed, and usage.TargetDied.
    """
    async with running(target, load.calls + load.ending, load.pins) as rig:
        idle_mb = await _warm_up(rig, load)
        await rig.place(load.calls + load.ending, load.starts_per_s)
        loaded()
        await asyncio.sleep(load.settle_s)
        with _without_garbage_collection():
            ending = asyncio.create_task(rig.end(load.ending, load.seconds))
            window, usage = await _observe(rig.target.pids, load, idle_mb)
            await ending
            await asyncio.sleep(_LAST_BURSTS_S)
        await rig.hang_up()
    return point(target.name, load, rig.calls[: load.calls], window, usage)


def point(
    name: str, load: Load, calls: Sequence[CallLog], window: Window, usage: Usage
) -> LoadPoint:
    """Compute the figures of one window. Pure."""
    up = [window.bursts(call.up) for call in calls]
    down = [burst for call in calls for burst in window.bursts(call.down)]
    first_audio = (accounting.first_audio_ms(call) for call in calls)
    failed = sum(call.failure is not None for call in calls)
    carried = max(load.calls - failed, 1)
    seconds = window.end_s - window.begin_s
    others_core_s = usage.all_core_s - usage.target_core_s - usage.rig_core_s
    return LoadPoint(
        target=name,
        calls=load.calls,
        run=load.run,
        uplink=accounting.delay(ms for bursts in up for ms in accounting.delays_ms(bursts)),
        downlink=accounting.delay(accounting.delays_ms(down)),
        barge_in=accounting.delay(accounting.barge_ins_ms(calls, window)),
        first_audio=accounting.delay(ms for ms in first_audio if ms is not None),
        core_share_per_call=usage.target_core_s / seconds / carried,
        memory_per_call_mb=(usage.loaded_mb - usage.idle_mb) / carried,
        idle_memory_mb=usage.idle_mb,
        uplink_lost_ms=sum(accounting.lost_ms(bursts) for bursts in up),
        downlink_lost_bursts=accounting.bursts_lost(down),
        clears_missed=accounting.clears_missed(calls, window),
        pictures=sum(call.pictures for call in calls),
        calls_failed=failed,
        rig_core_share=usage.rig_core_s / seconds,
        others_core_share=max(others_core_s, 0.0) / seconds,
    )


async def _warm_up(rig: Rig, load: Load) -> float:
    """Carry one call, so that everything is loaded; returns the resident memory after it, in MB."""
    await rig.place(1, load.starts_per_s)
    await asyncio.sleep(load.warm_up_s)
    await rig.hang_up()
    await asyncio.sleep(_HUNG_UP_S)
    rig.calls.clear()
    return resident_mb(rig.target.pids)


async def _observe(pids: tuple[int, ...], load: Load, idle_mb: float) -> tuple[Window, Usage]:
    def used_s() -> tuple[float, float, float]:
        return cpu_s(pids), time.process_time(), busy_s(load.pins)

    begin_s, before_s = time.perf_counter(), used_s()
    await asyncio.sleep(load.seconds)
    end_s, after_s = time.perf_counter(), used_s()
    target_s, rig_s, all_s = (b - a for a, b in zip(before_s, after_s, strict=True))
    usage = Usage(target_s, rig_s, all_s, idle_mb=idle_mb, loaded_mb=resident_mb(pids))
    return Window(begin_s, end_s), usage


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Keeps the rig's own pauses out of its measurements."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()

"""The rig around real processes: figures exist, nothing is lost, no call fails."""

import asyncio
import sys

import pytest
import uvloop

from benchmarks.rig.point import Load, measure
from benchmarks.targets import Relay, Ringdown, Target

LOAD = Load(calls=2, seconds=2.0, warm_up_s=0.3, settle_s=0.3)


@pytest.mark.real_time
@pytest.mark.skipif(sys.platform != "linux", reason="Linux: it reads /proc")
@pytest.mark.parametrize("target", [Relay(), Ringdown()], ids=lambda target: target.name)
def test_two_calls_are_carried_and_measured(target: Target) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        point = runner.run(measure(target, LOAD))

    assert (point.calls_failed, point.uplink_lost_ms, point.downlink_lost_bursts) == (0, 0.0, 0)
    assert point.clears_missed == 0
    assert point.uplink.count >= 6
    assert point.first_audio.count == 2
    for measured in (point.uplink, point.downlink, point.first_audio):
        assert measured.p50_ms is not None
        assert measured.p50_ms > 0
    assert point.core_share_per_call > 0
    assert point.idle_memory_mb > 10

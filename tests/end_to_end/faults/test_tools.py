"""Faults around a tool that is under way, each once; `make faults` injects them ten times."""

import pytest

from benchmarks.faults.fault import Fault
from benchmarks.faults.tools import FAULTS
from benchmarks.faults.world import World

pytestmark = [pytest.mark.real_time, pytest.mark.asyncio(loop_scope="module")]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_a_fault_ends_as_decided(world: World, fault: Fault) -> None:
    seen = await fault.inject(world, 1)

    assert fault.problems(seen) == [], fault.outcome

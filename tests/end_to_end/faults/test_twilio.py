"""Faults on Twilio's side, all at once: none of them may touch another call."""

import asyncio
from collections.abc import Mapping

import pytest
import pytest_asyncio

from benchmarks.faults.fault import Fault, Seen
from benchmarks.faults.twilios import FAULTS
from benchmarks.faults.world import World

pytestmark = [pytest.mark.real_time, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seen(world: World) -> Mapping[str, list[Seen]]:
    """What was seen of each fault, by its name."""
    every = await asyncio.gather(*(fault.inject(world, 1) for fault in FAULTS))
    return {fault.name: seen for fault, seen in zip(FAULTS, every, strict=True)}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_a_fault_ends_as_decided(seen: Mapping[str, list[Seen]], fault: Fault) -> None:
    assert fault.problems(seen[fault.name]) == [], fault.outcome

"""Each fault injected into real processes: the call ends as decided.

FAULT_TIMES=10 injects each fault ten times, and `pytest -rP` then shows the silences.
docs/reliability.md has their median and the longest.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from tests.faults import twilio
from tests.faults.every import FAULTS
from tests.faults.fault import Fault, Seen
from tests.faults.world import World, running_world

TIMES = int(os.environ.get("FAULT_TIMES", "1"))

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(120 * TIMES),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_handler(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running_world(tmp_path_factory.mktemp("world"), handlers=1) as world:
        yield world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two_handlers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running_world(tmp_path_factory.mktemp("world"), handlers=2) as world:
        yield world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def all_of_twilio(one_handler: World) -> Mapping[str, list[Seen]]:
    """Inject each fault on Twilio's side, and return what was seen of it. All of them are injected
    in parallel, in rounds, because a handler accepts only MAX_CALLS calls."""
    seen: dict[str, list[Seen]] = {fault.name: [] for fault in twilio.FAULTS}
    for _ in range(TIMES):
        every = await asyncio.gather(*(fault.inject(one_handler, 1) for fault in twilio.FAULTS))
        for fault, once in zip(twilio.FAULTS, every, strict=True):
            seen[fault.name] += once
    return seen


def faults(*these: Fault) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("fault", these, ids=lambda fault: fault.name)


@faults(*twilio.FAULTS)
async def test_a_fault_of_one_stream_ends_as_decided_and_touches_no_other_call(
    all_of_twilio: Mapping[str, list[Seen]], fault: Fault
) -> None:
    as_decided(fault, all_of_twilio[fault.name])


@faults(*(fault for fault in FAULTS if fault.handlers == 1 and fault not in twilio.FAULTS))
async def test_a_fault_ends_as_decided(one_handler: World, fault: Fault) -> None:
    await one_handler.all_ready()

    as_decided(fault, await fault.inject(one_handler, TIMES))


@faults(*(fault for fault in FAULTS if fault.handlers == 2))
async def test_a_fault_of_one_of_two_handlers_ends_as_decided(
    two_handlers: World, fault: Fault
) -> None:
    await two_handlers.all_ready()

    as_decided(fault, await fault.inject(two_handlers, TIMES))


def as_decided(fault: Fault, seen: list[Seen]) -> None:
    for what in ("silence_ms", "reconnect_ms"):
        figures = [getattr(one, what) for one in seen if getattr(one, what) is not None]
        print(what, sorted(figures))  # noqa: T201
    assert fault.problems(seen) == [], fault.outcome

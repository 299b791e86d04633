import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ringdown.open_once import OpenOnce


class Door:
    def __init__(self) -> None:
        self.opened = 0
        self.closed = 0
        self.is_stuck = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        await asyncio.sleep(0)
        if self.is_stuck:
            raise LookupError("stuck")
        self.opened += 1
        try:
            yield self.opened
        finally:
            self.closed += 1


def test_all_requests_of_a_loop_share_it_and_each_loop_has_its_own() -> None:
    door = Door()
    shared = OpenOnce(door.open)

    async def several_requests() -> list[int]:
        return await asyncio.gather(*(shared.get() for _ in range(5)))

    assert asyncio.run(several_requests()) == [1] * 5
    assert asyncio.run(several_requests()) == [2] * 5
    assert door.closed == 2, "it must be closed when its event loop ends"


async def test_what_opening_raises_is_told_and_opening_is_tried_again() -> None:
    door = Door()
    shared = OpenOnce(door.open)
    door.is_stuck = True
    for _ in range(2):
        with pytest.raises(LookupError, match="stuck"):
            await shared.get()
    door.is_stuck = False
    assert await shared.get() == 1


async def test_a_request_that_is_cancelled_takes_it_from_nobody() -> None:
    door = Door()
    shared = OpenOnce(door.open)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await shared.get()
    assert await shared.get() == 1

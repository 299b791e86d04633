import asyncio

import pytest

from ringdown.errors import InvalidDocument, StoreUnavailable
from ringdown.stores.deadline import store_deadline


async def test_a_store_that_is_too_slow_is_unavailable() -> None:
    with pytest.raises(StoreUnavailable, match=r"^the store was too slow$"):
        async with store_deadline(0.01):
            await asyncio.Event().wait()


async def test_what_the_store_says_itself_is_left_alone() -> None:
    with pytest.raises(InvalidDocument, match="calls/x"):
        async with store_deadline(1):
            raise InvalidDocument("calls/x: broken")


async def test_who_waits_may_be_cancelled() -> None:
    async def wait() -> None:
        async with store_deadline(60):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

"""Limits the time spent waiting for a store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ringdown.errors import StoreUnavailable


@asynccontextmanager
async def store_deadline(within_s: float) -> AsyncIterator[None]:
    """Raise StoreUnavailable if the body takes longer."""
    try:
        async with asyncio.timeout(within_s):
            yield
    except TimeoutError as error:
        raise StoreUnavailable(str(error) or "the store was too slow") from None

"""Call time, read from the event loop's clock: if that clock jumps, so does the call."""

import asyncio
from datetime import UTC, datetime


def now_ms() -> float:
    """Milliseconds since an arbitrary zero; never goes back."""
    return asyncio.get_running_loop().time() * 1000.0


async def sleep_until(at_ms: float) -> None:
    """Wait until `now_ms()` reaches `at_ms`; always lets other tasks run."""
    await asyncio.sleep(max(0.0, (at_ms - now_ms()) / 1000.0))


def system_date() -> datetime:
    """This machine's date and time, in UTC."""
    return datetime.now(UTC)

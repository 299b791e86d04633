"""A call's time, which is the event loop's: on a loop whose clock jumps, the call jumps with it."""

import asyncio
from datetime import UTC, datetime


def now_ms() -> float:
    """Milliseconds since an arbitrary zero; never goes back."""
    return asyncio.get_running_loop().time() * 1000.0


async def sleep_until(at_ms: float) -> None:
    """Wait until `now_ms()` has reached `at_ms`; at least let other tasks run."""
    await asyncio.sleep(max(0.0, (at_ms - now_ms()) / 1000.0))


def system_date() -> datetime:
    """The date and time by this machine, in UTC."""
    return datetime.now(UTC)

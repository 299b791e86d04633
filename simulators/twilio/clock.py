"""Time for a simulated call: real by default, faster for tests of long announcements."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What a call needs to know about time; injected so that tests decide how it passes."""

    def now_ms(self) -> float:
        """Milliseconds of call time since an arbitrary zero; never goes back."""
        ...

    def timestamp(self) -> datetime:
        """The date and time, aware, as status callbacks report it."""
        ...

    async def sleep_until(self, at_ms: float) -> None:
        """Wait until `now_ms()` has reached `at_ms`; at least lets other tasks run."""
        ...


class WallClock:
    """Monotonic time, `speed` times as fast as the wall clock.

    Only call time is scaled. Network deadlines stay in real seconds, because sockets are real.
    """

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self._speed = speed

    def now_ms(self) -> float:
        return time.monotonic() * 1000.0 * self._speed

    def timestamp(self) -> datetime:
        return datetime.now(UTC)

    async def sleep_until(self, at_ms: float) -> None:
        await asyncio.sleep(max(0.0, (at_ms - self.now_ms()) / (1000.0 * self._speed)))

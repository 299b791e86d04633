"""Polling rounds that start at the same time for every call, so that one poll serves them all."""

import asyncio


class Rounds:
    def __init__(self, every_s: float) -> None:
        self._every_s = every_s

    @property
    def current(self) -> int:
        return int(asyncio.get_running_loop().time() / self._every_s)

    async def next(self) -> None:
        """Wait for the next round to begin."""
        now_s = asyncio.get_running_loop().time()
        await asyncio.sleep((self.current + 1) * self._every_s - now_s)

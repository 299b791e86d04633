"""Looking every so often, all at the same time, so that one can look for the others."""

import asyncio


class Rounds:
    def __init__(self, every_s: float) -> None:
        self._every_s = every_s

    @property
    def current(self) -> int:
        return int(asyncio.get_running_loop().time() / self._every_s)

    async def next(self) -> None:
        """Wait for the next one to begin."""
        now_s = asyncio.get_running_loop().time()
        await asyncio.sleep((self.current + 1) * self._every_s - now_s)

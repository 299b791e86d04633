"""Deadlines on sending that cost nothing while all is well.

A timer for every frame costs as much as the core does with it (4 µs, 75 times a second and call).
So a sender notes when a send began, and one look a second finds the send that never returned.
"""

import asyncio

_LOOK_EVERY_S = 1.0


class SendWatch:
    """Watches one sender: `with watch: await send()`."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._began_s: float | None = None

    def __enter__(self) -> None:
        self._began_s = self._loop.time()

    def __exit__(self, *_: object) -> None:
        self._began_s = None

    async def until_stuck(self) -> None:
        """Return within a second after a send has taken `timeout_s`."""
        while not self._stuck():  # noqa: ASYNC110 - an event for every send would cost too much
            await asyncio.sleep(_LOOK_EVERY_S)

    def _stuck(self) -> bool:
        began_s = self._began_s
        return began_s is not None and self._loop.time() - began_s >= self._timeout_s

"""Notices when the event loop is late, which affects every call in the process."""

import asyncio
import math
import sys
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ringdown.log import Log

STALLED_AFTER_S = 1.0
LOOKS_BACK_S = 2.0
_BEAT_S = 0.05
_MOST_LATE = 0.5  # half the time: on average more than two frames late

_log = Log(__name__)


class LoopWatch:
    """Measures how late the loop is; a thread reports a blocked loop while it is still blocked."""

    def __init__(
        self,
        *,
        stalled_after_s: float = STALLED_AFTER_S,
        looks_back_s: float = LOOKS_BACK_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now_s` is a clock that keeps running while the loop is blocked."""
        self._now_s = now_s
        self._stalled_after_s = stalled_after_s
        self._looks_back_s = looks_back_s
        self._late_share = 0.0
        """The fraction of recent time that the loop was late."""
        self._beat_s = self._now_s()
        self._reported_s = 0.0
        """The last beat before the most recently reported block."""

    @property
    def is_late(self) -> bool:
        """Whether the live calls would suffer from another one."""
        return self._late_share > _MOST_LATE

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        loop_thread = threading.get_ident()
        over = threading.Event()
        thread = threading.Thread(
            target=self._look, args=(loop_thread, over), name="loop-watch", daemon=True
        )
        self._beat_s = self._now_s()
        thread.start()
        beating = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beating.cancel()
            over.set()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_S)
            now_s = self._now_s()
            took_s, self._beat_s = now_s - self._beat_s, now_s
            late_s, was_late = max(took_s - _BEAT_S, 0.0), self.is_late
            counts = 1 - math.exp(-took_s / self._looks_back_s)
            self._late_share += (late_s / took_s - self._late_share) * counts
            if late_s > self._stalled_after_s:
                _log.error("event loop stood still", late_ms=round(late_s * 1000))
            elif self.is_late and not was_late:
                _log.warning("event loop is late", late_ms=round(late_s * 1000))

    def _look(self, loop_thread: int, over: threading.Event) -> None:
        while not over.wait(self._stalled_after_s / 4):
            beat_s = self._beat_s
            stands_s = self._now_s() - beat_s
            if stands_s > self._stalled_after_s and beat_s != self._reported_s:
                self._reported_s = beat_s
                _log.error(
                    "event loop stands still",
                    for_ms=round(stands_s * 1000),
                    stack=_stack_of(loop_thread),
                )


def _stack_of(thread: int) -> str:
    frame = sys._current_frames().get(thread)
    return "".join(traceback.format_stack(frame)) if frame is not None else ""

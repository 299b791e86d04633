"""One timer for all calls, which runs their work in order."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable

_EARLY_S = 0.0005  # uvloop's timers count whole milliseconds


class Schedule:
    """Calls functions at absolute times of `time.perf_counter`, until it is closed."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._wakes_s = 0.0
        self._running = False

    def at(self, due_s: float, function: Callable[[], None]) -> None:
        heapq.heappush(self._due, (due_s, next(self._numbers), function))
        if not self._running and (self._timer is None or due_s < self._wakes_s):
            self._set_timer()

    def close(self) -> None:
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._due:
            self._wakes_s = self._due[0][0]
            wait_s = max(self._wakes_s - time.perf_counter(), 0.0)
            self._timer = self._loop.call_later(wait_s, self._run)

    def _run(self) -> None:
        self._running = True
        due_by_s = time.perf_counter() + _EARLY_S
        try:
            while self._due and self._due[0][0] <= due_by_s:
                heapq.heappop(self._due)[2]()
        finally:
            self._running = False
            self._set_timer()

"""Turns Ctrl-C, SIGTERM and a closed terminal into an orderly shutdown with a deadline."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_WITHIN_S = 3.0  # the guard of child processes needs up to another second
_AGAIN_AFTER_S = 0.5
"""A Ctrl-C reaches us twice if a shell passes it on as well."""


async def stoppable(command: Coroutine[object, object, int]) -> int:
    """Run a command. A signal cancels it, so that it can stop what it started. Returns its status.

    After a signal the process ends here, even if threads are still running: with the command's
    status, or 128 plus the signal's number if it was cut short. If the command takes too long to
    stop, or the signal comes again, the process ends immediately, and the guard of
    `devtools.children` ends what is still running.
    """
    task = asyncio.ensure_future(command)
    stop = _Stop(task)
    with stop.by_signals():
        try:
            status = await task
        except BaseException:
            if stop.number is None:
                raise
            status = 128 + stop.number  # even if something else went wrong while it stopped
        if stop.number is signal.SIGHUP:
            status = status or 128 + stop.number  # some of the output was lost
        if stop.number is not None:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
            os._exit(status)
    return status


class _Stop:
    """Cancels `task` at the first signal, and ends the process at the second or when time is up."""

    def __init__(self, task: asyncio.Task[int]) -> None:
        self.number: signal.Signals | None = None
        self._task = task
        self._loop = asyncio.get_running_loop()
        self._stopped_at_s = 0.0

    @contextmanager
    def by_signals(self) -> Iterator[None]:
        """Handle the signals, except a SIGHUP that `nohup` has turned off."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may set handlers
            return
        wanted = [
            number
            for number in _SIGNALS
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
        ]
        before = {number: signal.signal(number, self._handle) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.number is None:
            self.number = signal.Signals(number)
            self._stopped_at_s = time.monotonic()
            last_moment = threading.Timer(_WITHIN_S, self._end)
            last_moment.daemon = True
            last_moment.start()
            self._loop.call_soon_threadsafe(self._task.cancel)
        elif time.monotonic() - self._stopped_at_s >= _AGAIN_AFTER_S:
            self._end()

    def _end(self) -> NoReturn:
        os._exit(128 + (self.number or 0))

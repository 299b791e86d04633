"""An event loop whose clock jumps to the next timer, instead of sleeping until then.

Everything that a test runs must be in its process and on this loop: sockets to and from itself, and
work in executors, which holds the clock until it is done. Anything in another process or thread
takes no time here, and so may come too late. Sockets send small pieces immediately (TCP_NODELAY,
which asyncio sets on those it makes), because the kernel's timers don't follow this clock.
"""

import asyncio
import datetime
import functools
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, ParamSpec, TypeVar

import pytest

from ringdown import clock

_T = TypeVar("_T")
_Given = ParamSpec("_Given")
Loop = asyncio.AbstractEventLoop
_Ready = list[tuple[selectors.SelectorKey, int]]

BEGAN = datetime.datetime(2026, 3, 3, 10, 0, tzinfo=datetime.UTC)
"""The time at which every loop begins, on a Tuesday."""
_ROUND_S = 2e-9
"""How long one round of the loop takes: twice its clock's resolution. If it took no time, a timer
that fires early because of rounding, and is set to the same time again, would fire forever."""
_FAR_S = 0.1
_LET_ARRIVE_S = 0.005
"""Loopback nearly always delivers within the `send`. Before a far jump, wait in case it didn't."""


class _JumpingSelector(selectors.DefaultSelector):
    """Owns the clock, because the loop asks it how long to sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.working = 0
        """How many executors have work from the loop."""

    def select(self, timeout: float | None = None) -> _Ready:
        self.now_s += _ROUND_S
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        if self.working or timeout is None:
            return super().select(None)
        ready = super().select(0 if timeout < _FAR_S else _LET_ARRIVE_S)
        if not ready:
            self.now_s += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """Begins at 0 s, and at BEGAN in the calendar."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s

    def stall(self, seconds: float) -> None:
        """Let time pass as if the process had been frozen."""
        self._jumping.now_s += seconds

    def date(self) -> datetime.datetime:
        """The time that `ringdown.clock` should return."""
        return BEGAN + datetime.timedelta(seconds=self._jumping.now_s)

    def run_in_executor(  # type: ignore[override] # typeshed has it return a Future of Any
        self, executor: Executor | None, func: Callable[..., _T], *args: Any
    ) -> asyncio.Future[_T]:
        future = super().run_in_executor(executor, func, *args)
        self._jumping.working += 1
        future.add_done_callback(self._worked)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        self._jumping.working += 1
        try:
            await super().shutdown_default_executor()  # on Python 3.11 it takes no timeout
        finally:
            self._jumping.working -= 1

    def _worked(self, _: asyncio.Future[Any]) -> None:
        self._jumping.working -= 1


def jumping_loop() -> JumpingLoop:
    """The loop that the test runs on."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)
    return loop


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], Loop]]:
    """Imported by a folder's conftest.py, makes its tests run on such a loop."""
    real = any(item.get_closest_marker(name) for name in ("real_clock", "real_time"))
    return {"real": asyncio.SelectorEventLoop} if real else {"jumping": JumpingLoop}


def virtual_time(test: Callable[_Given, Coroutine[Any, Any, _T]]) -> Callable[_Given, _T]:
    """Run a test on such a loop, in a folder where others don't. Its fixtures can't be async."""

    @functools.wraps(test)
    def run(*args: _Given.args, **kwargs: _Given.kwargs) -> _T:
        return in_virtual_time(test(*args, **kwargs))

    return run


def in_virtual_time(work: Coroutine[Any, Any, _T]) -> _T:
    """Run `work` on a new loop."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, JumpingLoop)
        with clock.replaced_by(loop.date):
            return runner.run(work)

"""An event loop whose clock jumps: what would wait for a second takes no time at all."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


class _JumpingSelector(selectors.DefaultSelector):
    """Where the loop would sleep until its next timer, the clock goes there instead."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(0)
        if not ready:
            self.now_s += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s


def in_virtual_time(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run `work`; its loop's clock begins at 0. For work that waits for timers only, not I/O."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)


def virtual_time(
    test: Callable[_Given, Coroutine[Any, Any, _Result]],
) -> Callable[_Given, _Result]:
    """Run a test in virtual time. Its fixtures must not be async."""

    @functools.wraps(test)
    def run(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        return in_virtual_time(test(*args, **kwargs))

    return run

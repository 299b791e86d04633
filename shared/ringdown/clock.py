"""The date and time, read in one place so that tests can control it."""

import contextlib
import datetime
from collections.abc import Callable, Iterator
from contextvars import ContextVar

Now = Callable[[], datetime.datetime]


def _system_time() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


_now: ContextVar[Now] = ContextVar("now", default=_system_time)


def now() -> datetime.datetime:
    """The date and time in UTC, time zone included."""
    return _now.get()()


@contextlib.contextmanager
def replaced_by(source: Now) -> Iterator[None]:
    """Use `source` as the clock in the `with` block, and in tasks and threads started there."""
    token = _now.set(source)
    try:
        yield
    finally:
        _now.reset(token)

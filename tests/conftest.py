"""What every test runs under."""

import fcntl
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TextIO

import hypothesis
import pytest

pytest_plugins = (
    "simulators.pytest_plugin",
    "tests.once_per_run",
    "tests.emulator",
    "tests.not_run",
)

# The same examples every time, however busy the machine: `make fuzz` looks for new ones.
hypothesis.settings.register_profile(
    "ringdown",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("ringdown")

_TESTS = Path(__file__).parent
_WHOLE_CALLS = (_TESTS / "end_to_end", _TESTS / "ops" / "talk")
"""Tests that run in real time: what is late in them is heard."""
_CALLS_AT_ONCE = 2
_LONG = _TESTS / "terraform"
_FILES_BETWEEN_CALLS = 4
_NICENESS = -10


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no worker is left with it when the others are done.

    Whole calls mostly wait, and so come between others.
    """
    calls: list[Path] = []
    others: list[Path] = []
    for path in dict.fromkeys(item.path for item in items):
        (calls if _has_whole_calls(path) else others).append(path)
    others.sort(key=lambda path: not path.is_relative_to(_LONG))
    places = {path: (n, 1) for n, path in enumerate(others)}
    places |= {path: (n * _FILES_BETWEEN_CALLS, 0) for n, path in enumerate(calls)}
    items.sort(key=lambda item: places[item.path])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """On a machine with few cores whole calls go before all else, and not many at once."""
    if not _has_whole_calls(item.path):
        return (yield)
    with _one_of(_CALLS_AT_ONCE), _preferred():
        return (yield)


def _has_whole_calls(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in _WHOLE_CALLS)


@contextmanager
def _one_of(places: int) -> Iterator[None]:
    """Wait for one of so many places, which all workers share."""
    name = f"ringdown-tests-{os.getuid()}"
    files = [Path(tempfile.gettempdir()) / f"{name}-{n}.lock" for n in range(places)]
    with ExitStack() as stack:
        locks = [stack.enter_context(path.open("w")) for path in files]
        while not any(_locked(lock) for lock in locks):
            time.sleep(0.1)
        yield


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _preferred() -> Iterator[None]:
    """Run first, with all processes that are started; as everybody else where that is not ours."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, before + _NICENESS)
    try:
        yield
    finally:
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, before)


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Undo what a deployable's composition root does to the root logger."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)

"""Settings and fixtures for all tests."""

import logging
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

pytest_plugins = (
    "simulators.pytest_plugin",
    "tests.once_per_run",
    "tests.emulator",
    "tests.not_run",
)

# Use the same examples every time, however busy the machine; `make fuzz` looks for new ones.
hypothesis.settings.register_profile(
    "ringdown",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("ringdown")

# Tests run in the background may ignore these signals, but the processes they start must not.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

_TESTS = Path(__file__).parent
_LONG = (_TESTS / "end_to_end" / "test_demonstration_call.py", _TESTS / "terraform")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the slowest tests, so that no worker still has them when the others are done."""
    items.sort(key=lambda item: not any(item.path.is_relative_to(long) for long in _LONG))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pictures", action="store_true", help="save pictures of pages to docs/")


@pytest.fixture
def pictures(pytestconfig: pytest.Config, tmp_path: Path) -> Path:
    """The folder in which tests save pictures of pages."""
    return _TESTS.parent / "docs" if pytestconfig.getoption("--pictures") else tmp_path


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Undo what a deployable's composition root does to the root logger."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)

"""What every test runs under."""

import logging
from collections.abc import Iterator

import hypothesis
import pytest

pytest_plugins = ("simulators.pytest_plugin",)

hypothesis.settings.register_profile("ringdown", deadline=None)
hypothesis.settings.load_profile("ringdown")


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Undo what a deployable's composition root does to the root logger."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)

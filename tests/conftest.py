"""What every test runs under."""

import logging
from collections.abc import Iterator

import hypothesis
import pytest

pytest_plugins = ("simulators.pytest_plugin",)

hypothesis.settings.register_profile("ringdown", deadline=None)
hypothesis.settings.load_profile("ringdown")

_LONGEST_LAST = ("ops", "terraform", "end_to_end")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no worker is left with it when the others are done."""
    for folder in _LONGEST_LAST:
        items.sort(key=lambda item: folder not in item.path.parts)


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Undo what a deployable's composition root does to the root logger."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)

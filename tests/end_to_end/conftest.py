from pathlib import Path

import pytest

from tests.jumping_loop import pytest_asyncio_loop_factories as pytest_asyncio_loop_factories


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """An embedded store of the test's own."""
    return f"sqlite:{tmp_path / 'ringdown.db'}"

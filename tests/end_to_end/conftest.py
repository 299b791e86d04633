from pathlib import Path

import pytest

from tests.jumping_loop import pytest_asyncio_loop_factories as pytest_asyncio_loop_factories


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """An empty embedded store, for this test only."""
    return f"sqlite:{tmp_path / 'ringdown.db'}"

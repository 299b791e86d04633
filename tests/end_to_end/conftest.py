from pathlib import Path

import pytest

from tests.emulator import emulator_host as emulator_host
from tests.emulator import firestore_project as firestore_project
from tests.jumping_loop import pytest_asyncio_loop_factories as pytest_asyncio_loop_factories


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """An embedded store of the test's own."""
    return f"sqlite:{tmp_path / 'ringdown.db'}"

from pathlib import Path

import pytest

from tests.emulator import emulator_host as emulator_host
from tests.emulator import firestore_project as firestore_project
from tests.jumping_loop import pytest_asyncio_loop_factories as pytest_asyncio_loop_factories


@pytest.fixture(params=["sqlite", "firestore"])
def each_store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store of the test's own; Firestore's is the emulator, where it is installed."""
    if request.param == "firestore":
        return f"firestore:{request.getfixturevalue('firestore_project')}"
    return f"sqlite:{tmp_path / 'ringdown.db'}"

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", "firestore"])
def each_store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store of the test's own; Firestore's is the emulator, where it is installed."""
    if request.param == "firestore":
        return f"firestore:{request.getfixturevalue('firestore_project')}"
    return f"sqlite:{tmp_path / 'ringdown.db'}"

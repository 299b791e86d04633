from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringdown.stores import open_store
from tests.console.site import Site, running_site
from tests.console.stored import furnish


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A line with agents, callers and calls, where Anna is signed in."""
    async with open_store(f"sqlite:{tmp_path / 'ringdown.db'}") as store:
        await furnish(store)
        async with running_site(store) as site:
            yield site

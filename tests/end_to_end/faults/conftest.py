from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from benchmarks.faults.world import World, running_world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """All processes, for the faults of one module; `HANDLERS` there says how many handlers."""
    handlers = getattr(request.module, "HANDLERS", 1)
    async with running_world(tmp_path_factory.mktemp("world"), handlers=handlers) as world:
        yield world

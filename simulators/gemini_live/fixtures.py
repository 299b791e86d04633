"""pytest fixtures, which `simulators.pytest_plugin` makes available to every test."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

import pytest_asyncio

from simulators.gemini_live.faults import Fault
from simulators.gemini_live.scenario import Scenario
from simulators.gemini_live.server import GeminiLiveServer

GeminiLiveServerFactory = Callable[..., Awaitable[GeminiLiveServer]]
"""`await factory(scenario, faults=[...])` starts a server and returns it."""


@pytest_asyncio.fixture
async def gemini_live_server() -> AsyncIterator[GeminiLiveServerFactory]:
    """Starts any number of servers; they all stop at the end of the test."""
    async with AsyncExitStack() as stack:

        async def start(scenario: Scenario, faults: Sequence[Fault] = ()) -> GeminiLiveServer:
            server = await stack.enter_async_context(GeminiLiveServer(scenario))
            server.faults = [*scenario.faults, *faults]
            return server

        yield start

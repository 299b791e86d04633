from simulators.gemini_live.fixtures import gemini_live_server
from tests.jumping_loop import pytest_asyncio_loop_factories as pytest_asyncio_loop_factories
from tests.ringdown.stores.each_store import store, store_url

__all__ = ["gemini_live_server", "store", "store_url"]

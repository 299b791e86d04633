from tests.jumping_loop import pytest_asyncio_loop_factories as pytest_asyncio_loop_factories
from tests.stream_handler.conftest import certificates, trusting

__all__ = ["certificates", "trusting"]

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ringdown.stores import Store
from tests.functions.caller_page.links import SECRET, begin_call
from tests.functions.incoming_call.records import with_store
from tests.functions.loading import FUNCTIONS, LoadedFunction, loaded_function

Environ = dict[str, str]
Load = Callable[[Environ], AbstractContextManager[LoadedFunction]]


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path / 'ringdown.db'}"


@pytest.fixture
def environ(store_url: str) -> Environ:
    return {"STORE_URL": store_url, "UPLOAD_LINK_SECRET": SECRET}


@pytest.fixture
def load(restored_logging: None) -> Load:
    def load(environ: Environ) -> AbstractContextManager[LoadedFunction]:
        folder = FUNCTIONS / "caller_page"
        return loaded_function("caller_page", folder, environ, clock_speed=0.1)

    return load


@pytest.fixture
def function(load: Load, environ: Environ) -> Iterator[LoadedFunction]:
    with load(environ) as function:
        yield function


@pytest.fixture
def call(store_url: str) -> None:
    """A live call with an agent that speaks English."""

    async def begin(store: Store) -> None:
        await begin_call(store)

    with_store(store_url, begin)

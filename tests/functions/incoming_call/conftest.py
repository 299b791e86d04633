from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.functions.incoming_call.stand_ins import (
    AUTH_TOKEN,
    PUBLIC_URL,
    HandlerStandIn,
    Twilio,
    a_handler,
)
from tests.functions.loading import FUNCTIONS, LoadedFunction, loaded_function

Environ = dict[str, str]
Load = Callable[[Environ], AbstractContextManager[LoadedFunction]]


@pytest.fixture
def handler() -> Iterator[HandlerStandIn]:
    with a_handler() as handler:
        yield handler


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path / 'ringdown.db'}"


@pytest.fixture
def environ(store_url: str, handler: HandlerStandIn) -> Environ:
    """Every setting the webhook needs. A test changes it before requesting `webhook`."""
    return {
        "PUBLIC_URL": PUBLIC_URL,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "STREAM_TOKEN_SECRET": "stream token secret, 32 characters",
        "STREAM_URL": f"ws://127.0.0.1:{handler.port}",
        "STORE_URL": store_url,
        "FALLBACK_NUMBER": "+14155550199",
    }


@pytest.fixture
def clock_speed() -> float:
    """Slow: on a busy machine the webhook must not miss deadlines such as 300 ms for the store.

    Tests that wait for a deadline use a different speed.
    """
    return 0.1


@pytest.fixture
def load(restored_logging: None, clock_speed: float) -> Load:
    def load(environ: Environ) -> AbstractContextManager[LoadedFunction]:
        folder = FUNCTIONS / "incoming_call"
        return loaded_function("incoming_call", folder, environ, clock_speed=clock_speed)

    return load


@pytest.fixture
def webhook(environ: Environ, load: Load) -> Iterator[LoadedFunction]:
    with load(environ) as function:
        yield function


@pytest.fixture
def twilio(webhook: LoadedFunction) -> Twilio:
    return Twilio(webhook.client)

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.google_tokens import TokenServer, token_server
from tests.jumping_loop import pytest_asyncio_loop_factories as pytest_asyncio_loop_factories
from tests.stream_handler.conversing import Converse, conversing


@pytest.fixture(scope="session")
def certificates() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def trusting(certificates: trustme.CA) -> ssl.SSLContext:
    """A client TLS context that trusts the test servers."""
    tls = ssl.create_default_context()
    certificates.configure_trust(tls)
    return tls


@pytest.fixture
def tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenServer]:
    """A token server, which the Vertex AI client is configured to use."""
    with token_server() as server:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(server.key_file(tmp_path)))
        yield server


@pytest.fixture
def converse(certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path) -> Converse:
    """Connects calls, through a real stream handler, to a model played by the test."""
    return conversing(certificates, trusting, tmp_path)

import ssl

import pytest
import trustme

from tests.jumping_loop import pytest_asyncio_loop_factories as pytest_asyncio_loop_factories


@pytest.fixture(scope="session")
def certificates() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def trusting(certificates: trustme.CA) -> ssl.SSLContext:
    """A client's TLS that trusts the servers of the tests."""
    tls = ssl.create_default_context()
    certificates.configure_trust(tls)
    return tls

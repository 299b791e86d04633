import ssl

import pytest
import trustme


@pytest.fixture(scope="session")
def certificates() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def trusting(certificates: trustme.CA) -> ssl.SSLContext:
    """A client's TLS that trusts the servers of the tests."""
    tls = ssl.create_default_context()
    certificates.configure_trust(tls)
    return tls

"""Fixtures for tests that need a phone network."""

import pytest

from .network import TwilioNetwork

AUTH_TOKEN = "an-auth-token-for-tests"  # noqa: S105


@pytest.fixture
def twilio_auth_token() -> str:
    """The token that `twilio_network` signs with."""
    return AUTH_TOKEN


@pytest.fixture
def twilio_network() -> TwilioNetwork:
    """A network whose calls run on the event loop's clock."""
    return TwilioNetwork(auth_token=AUTH_TOKEN)

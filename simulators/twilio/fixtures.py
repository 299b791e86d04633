"""Fixtures for tests that need a phone network."""

from collections.abc import Callable

import pytest

from .clock import WallClock
from .network import TwilioNetwork

AUTH_TOKEN = "an-auth-token-for-tests"  # noqa: S105


@pytest.fixture
def twilio_auth_token() -> str:
    """The token that `twilio_network` signs with."""
    return AUTH_TOKEN


@pytest.fixture
def twilio_network() -> TwilioNetwork:
    """A network in real time."""
    return TwilioNetwork(auth_token=AUTH_TOKEN)


@pytest.fixture
def fast_twilio_network() -> Callable[[float], TwilioNetwork]:
    """Makes a network whose call time passes `speed` times as fast."""
    return lambda speed: TwilioNetwork(auth_token=AUTH_TOKEN, clock=WallClock(speed))

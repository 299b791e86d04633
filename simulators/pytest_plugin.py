"""Both simulators' fixtures for pytest, found by its entry point `simulators`."""

from simulators.gemini_live.fixtures import gemini_live_server
from simulators.twilio.fixtures import twilio_auth_token, twilio_network

__all__ = ["gemini_live_server", "twilio_auth_token", "twilio_network"]

"""The pytest fixtures of both simulators, registered through a `pytest11` entry point."""

from simulators.gemini_live.fixtures import gemini_live_server
from simulators.twilio.fixtures import twilio_auth_token, twilio_network

__all__ = ["gemini_live_server", "twilio_auth_token", "twilio_network"]

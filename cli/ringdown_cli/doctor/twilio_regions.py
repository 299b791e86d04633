"""Twilio's regions: each has its own APIs, its own auth token, and its own record of a number."""

import functools
from collections.abc import Mapping
from importlib import resources

import msgspec

DEFAULT_TWILIO_REGION = "us1"
"""Where the calls of a number go that was never routed to a region."""


@functools.cache
def twilio_domains() -> Mapping[str, str]:
    """Where each region has its APIs: `api.` and this."""
    content = (resources.files("ringdown") / "packaged" / "twilio_regions.json").read_bytes()
    return msgspec.json.decode(content, type=dict[str, str])

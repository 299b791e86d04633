"""Twilio's regions: each has its own APIs, auth token, and record of a number."""

import functools
from collections.abc import Mapping
from importlib import resources

import msgspec

DEFAULT_TWILIO_REGION = "us1"
"""Where calls go if their number was never routed to a region."""


@functools.cache
def twilio_domains() -> Mapping[str, str]:
    """Each region's domain; its API is at `api.` and this."""
    content = (resources.files("ringdown") / "packaged" / "twilio_regions.json").read_bytes()
    return msgspec.json.decode(content, type=dict[str, str])

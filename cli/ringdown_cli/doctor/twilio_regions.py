"""Twilio's regions: each has its own APIs, auth token, and record of a number."""

import functools
from collections.abc import Mapping
from importlib import resources

import msgspec

DEFAULT_TWILIO_REGION = "us1"
"""Where calls go if their number was never routed to a region."""


@functools.cache
def twilio_domains() -> Mapping[str, str]:
    """Return each region's domain. An API's host is its name and the domain, such as
    `api.dublin.ie1.twilio.com`."""
    content = (resources.files("ringdown") / "packaged" / "twilio_regions.json").read_bytes()
    return msgspec.json.decode(content, type=dict[str, str])

"""The link to the page on which the caller of one call can send pictures.

https://PAGE/{call_sid}.{expiry, Unix s}.{HMAC-SHA256}

It goes to the caller's phone by text, and says nothing about them. Anyone who has it can send
something into that call, but read nothing; once the call is over, the store accepts nothing more
(`ringdown.calls.uploads`). Like a stream token, it has a MAC for each secret.
"""

import re

from ringdown.errors import TokenRefused
from ringdown.macs import mac, shares_a_mac

LIFETIME_S = 4 * 3_600
"""The longest call that Twilio allows."""
_SHAPE = re.compile(
    r"(?P<call_sid>CA[0-9a-f]{32})\.(?P<expires_s>[1-9][0-9]{0,11})"
    r"\.(?P<macs>[A-Za-z0-9_-]{43}(\.[A-Za-z0-9_-]{43})?)"
)


def mint(page_url: str, secrets: tuple[str, ...], *, call_sid: str, now_s: float) -> str:
    """Make the link for a call; `page_url` has no trailing slash."""
    expires_s = int(now_s) + LIFETIME_S
    macs = ".".join(_mac(secret, call_sid, expires_s) for secret in secrets)
    return f"{page_url}/{call_sid}.{expires_s}.{macs}"


def verify(secrets: tuple[str, ...], token: str, *, now_s: float) -> str:
    """Return the SID of the call that `token`, a link's last part, is for.

    Raises TokenRefused if the token is invalid or has expired.
    """
    found = _SHAPE.fullmatch(token)
    if found is None:
        raise TokenRefused("the link is malformed")
    call_sid, expires_s = found["call_sid"], int(found["expires_s"])
    expected = [_mac(secret, call_sid, expires_s) for secret in secrets]
    if not shares_a_mac(expected, found["macs"].split(".")):
        raise TokenRefused("the link's signature is wrong")
    if now_s >= expires_s:
        raise TokenRefused("the link has expired")
    return call_sid


def _mac(secret: str, call_sid: str, expires_s: int) -> str:
    return mac(secret, f"uploads v1|{call_sid}|{expires_s}")

"""The token that lets one Twilio media stream claim one attempt of one call.

It travels as a `<Parameter>` of the TwiML: `v1.<attempt>.<expiry, Unix s>.<HMAC-SHA256>`. The MAC
covers call, attempt and expiry, so a token is worthless for another call, for another attempt or
later. The store enforces that it is used once: an attempt can be claimed only once.

During a rotation, webhook and stream handler get the new secret minutes apart, in either order.
Both also know the previous one: a token has a MAC for each secret, and one match is enough.
"""

from ringdown.errors import TokenRefused
from ringdown.macs import mac, shares_a_mac

LIFETIME_S = 90
"""Long enough for a notice of 300 characters to be spoken before the stream begins."""
_MOST_MACS = 2  # a secret and its predecessor


def mint(secrets: tuple[str, ...], *, call_sid: str, attempt: int, now_s: float) -> str:
    """Make the token for `attempt` of `call_sid`, valid for LIFETIME_S from `now_s`."""
    expires_s = int(now_s) + LIFETIME_S
    macs = [_mac(secret, call_sid, attempt, expires_s) for secret in secrets]
    return ".".join((_head(attempt, expires_s), *macs))


def verify(secrets: tuple[str, ...], token: str, *, call_sid: str, now_s: float) -> int:
    """Return the attempt that `token` allows for `call_sid`; raise TokenRefused otherwise.

    Numbers must be spelled as `mint` wrote them, because `int` also reads "01", " 1" and other
    scripts' digits as 1.
    """
    parts = token.split(".")
    macs = parts[3:]
    if parts[0] != "v1" or not 1 <= len(macs) <= _MOST_MACS:
        raise TokenRefused("the stream token is malformed")
    try:
        attempt, expires_s = int(parts[1]), int(parts[2])
    except ValueError:
        raise TokenRefused("the stream token is malformed") from None
    expected = [_mac(secret, call_sid, attempt, expires_s) for secret in secrets]
    if not token.startswith(f"{_head(attempt, expires_s)}.") or not shares_a_mac(expected, macs):
        raise TokenRefused("the stream token's signature is wrong")
    if now_s >= expires_s:
        raise TokenRefused("the stream token has expired")
    return attempt


def _head(attempt: int, expires_s: int) -> str:
    return f"v1.{attempt}.{expires_s}"


def _mac(secret: str, call_sid: str, attempt: int, expires_s: int) -> str:
    return mac(secret, f"v1|{call_sid}|{attempt}|{expires_s}")

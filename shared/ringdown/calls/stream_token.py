"""The token that lets one Twilio media stream claim one attempt of one call.

It travels as a `<Parameter>` of the TwiML: `v1.<attempt>.<expiry, Unix s>.<HMAC-SHA256>`. The MAC
covers call, attempt and expiry, so a token is worth nothing for another call, another attempt or
later. That it is used once is the store's to enforce: an attempt can be claimed only once.
"""

import base64
import hashlib
import hmac

from ringdown.errors import TokenRefused

LIFETIME_S = 90
"""Long enough for a notice of 300 characters to be spoken before the stream begins."""


def mint(secret: str, *, call_sid: str, attempt: int, now_s: float) -> str:
    """Make the token for `attempt` of `call_sid`, valid for LIFETIME_S from `now_s`."""
    expires_s = int(now_s) + LIFETIME_S
    return f"v1.{attempt}.{expires_s}.{_mac(secret, call_sid, attempt, expires_s)}"


def verify(secret: str, token: str, *, call_sid: str, now_s: float) -> int:
    """Return the attempt that `token` allows for `call_sid`; raise TokenRefused otherwise."""
    parts = token.split(".")
    if len(parts) != 4 or parts[0] != "v1":
        raise TokenRefused("the stream token is malformed")
    try:
        attempt, expires_s = int(parts[1]), int(parts[2])
    except ValueError:
        raise TokenRefused("the stream token is malformed") from None
    expected = _mac(secret, call_sid, attempt, expires_s)
    if not hmac.compare_digest(expected.encode(), parts[3].encode(errors="replace")):
        raise TokenRefused("the stream token's signature is wrong")
    if now_s >= expires_s:
        raise TokenRefused("the stream token has expired")
    return attempt


def _mac(secret: str, call_sid: str, attempt: int, expires_s: int) -> str:
    message = f"v1|{call_sid}|{attempt}|{expires_s}".encode(errors="surrogatepass")
    digest = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

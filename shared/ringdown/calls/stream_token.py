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
    return _token(secret, call_sid, attempt, expires_s=int(now_s) + LIFETIME_S)


def verify(secret: str, token: str, *, call_sid: str, now_s: float) -> int:
    """Return the attempt that `token` allows for `call_sid`; raise TokenRefused otherwise.

    A token has one spelling, as `mint` wrote it: whoever remembers tokens that were used compares
    them as text, and `int` reads "01", " 1" and other scripts' digits as 1, too.
    """
    parts = token.split(".")
    if len(parts) != 4 or parts[0] != "v1":
        raise TokenRefused("the stream token is malformed")
    try:
        attempt, expires_s = int(parts[1]), int(parts[2])
    except ValueError:
        raise TokenRefused("the stream token is malformed") from None
    expected = _token(secret, call_sid, attempt, expires_s)
    if not hmac.compare_digest(expected.encode(), token.encode(errors="replace")):
        raise TokenRefused("the stream token's signature is wrong")
    if now_s >= expires_s:
        raise TokenRefused("the stream token has expired")
    return attempt


def _token(secret: str, call_sid: str, attempt: int, expires_s: int) -> str:
    message = f"v1|{call_sid}|{attempt}|{expires_s}".encode(errors="surrogatepass")
    digest = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    mac = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return f"v1.{attempt}.{expires_s}.{mac}"

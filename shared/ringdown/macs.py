"""Signs what we send to ourselves through Twilio."""

import base64
import hashlib
import hmac
from collections.abc import Iterable


def mac(secret: str, message: str) -> str:
    """HMAC-SHA256, encoded so that a URL or a TwiML parameter can carry it."""
    digest = hmac.new(secret.encode(), message.encode(errors="surrogatepass"), hashlib.sha256)
    return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()


def shares_a_mac(expected: Iterable[str], given: Iterable[str]) -> bool:
    """Whether any given MAC is an expected one."""
    return any(
        hmac.compare_digest(ours.encode(), theirs.encode(errors="replace"))
        for ours in expected
        for theirs in given
    )

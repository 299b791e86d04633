"""Checks Twilio's signature of the WebSocket upgrade."""

import base64
import hashlib
import hmac

from websockets.datastructures import Headers


def signature_is_valid(
    headers: Headers, *, auth_token: str, shared_key_secret: str | None, url: str
) -> bool:
    """Whether Twilio signed the upgrade to `url` (wss://host/path): Base64 of an HMAC of the URL.

    The key is the account's auth token, or the shared key's secret where the settings header says
    that one was used (and we have been given it).

    Twilio's signature counts a trailing slash that a client may add, so both forms are accepted.
    """
    given = headers.get("x-twilio-signature", "")
    settings = headers.get("x-twilio-webhooks-signature-settings", "")
    digest = hashlib.sha256 if "algorithm=HMAC_SHA256" in settings else hashlib.sha1
    key = ((shared_key_secret if settings else None) or auth_token).encode()
    return any(
        hmac.compare_digest(
            base64.b64encode(hmac.new(key, signed.encode(), digest).digest()),
            given.encode("utf-8", "replace"),
        )
        for signed in (url, f"{url}/")
    )

"""Signs messages as Standard Webhooks specifies: id, time and body, with HMAC-SHA256.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import secrets

_PREFIX = "whsec_"
_SECRET_BYTES = 32
_ALLOWED_BYTES = range(24, 65)


class InvalidSecret(ValueError):
    """A secret isn't valid. The message says what it must be."""


def new_secret() -> str:
    return f"{_PREFIX}{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def signed_headers(secret: str, message_id: str, body: bytes, at_s: int) -> dict[str, str]:
    """Return the headers that prove to the receiver that we sent `body`, and when. Raises
    InvalidSecret."""
    signed = f"{message_id}.{at_s}.".encode() + body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) not in _ALLOWED_BYTES:
        raise InvalidSecret("Its secret must be whsec_ followed by 24 to 64 bytes in base64")
    return key

"""Whether a request really comes from Twilio.

The rule is https://www.twilio.com/docs/usage/security: Base64 of an HMAC over the URL that Twilio
was given, followed by the sorted form. That URL comes from our own settings, never from headers of
the request. Without Twilio's own library, which the stream handler does not have.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlsplit

_SIGNATURE = "x-twilio-signature"
_SETTINGS = "x-twilio-webhooks-signature-settings"
"""Sent if a shared key signed: `key=…,algorithm=…`."""
_DIGESTS = {"HMAC_SHA1": hashlib.sha1, "HMAC_SHA256": hashlib.sha256}


def signature_is_valid(
    headers: Mapping[str, str],
    *,
    auth_token: str,
    shared_key_secret: str | None,
    url: str,
    form: Iterable[tuple[str, str]] = (),
) -> bool:
    """Whether `headers` (case-insensitive) sign `form` for `url`.

    The key is the account's auth token, or the shared key's secret where the settings header says
    that one was used (and we have been given it). Twilio may add a slash to the URL, and name the
    scheme's own port or not, so each of these is accepted.
    """
    settings = headers.get(_SETTINGS, "")
    digest = _DIGESTS.get(_algorithm(settings).upper())
    if digest is None:
        return False
    key = ((shared_key_secret if settings else None) or auth_token).encode()
    fields = "".join(name + value for name, value in sorted(set(form)))
    given = headers.get(_SIGNATURE, "").encode("utf-8", "replace")
    return any(
        hmac.compare_digest(
            base64.b64encode(hmac.new(key, f"{signed}{fields}".encode(), digest).digest()), given
        )
        for ending in ("", "/")
        for signed in _with_and_without_port(url + ending)
    )


def _algorithm(settings: str) -> str:
    for part in settings.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return value.strip()
    return "HMAC_SHA1"


def _with_and_without_port(url: str) -> Iterator[str]:
    yield url
    parts = urlsplit(url)
    if parts.port is None:
        port = 443 if parts.scheme in ("https", "wss") else 80
        yield parts._replace(netloc=f"{parts.netloc}:{port}").geturl()
    else:
        yield parts._replace(netloc=parts.netloc.rpartition(":")[0]).geturl()

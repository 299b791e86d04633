"""Checks that a request really comes from Twilio.

The signature (https://www.twilio.com/docs/usage/security) is the Base64 of an HMAC over the URL
configured at Twilio, followed by the sorted form. We take that URL from our settings; the request's
headers only say how its host is spelled. Twilio's library isn't used, because the stream handler
doesn't have it.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from ringdown.hosts import ascii_host

SIGNATURE_HEADER = "x-twilio-signature"
_SETTINGS = "x-twilio-webhooks-signature-settings"
"""The header sent if a shared key signed the request: `key=…,algorithm=…`."""
_DIGESTS = {"HMAC_SHA1": hashlib.sha1, "HMAC_SHA256": hashlib.sha256}


def signature_is_valid(
    headers: Mapping[str, str],
    *,
    auth_tokens: tuple[str, ...],
    shared_key_secret: str | None,
    url: str,
    form: Iterable[tuple[str, str]] = (),
) -> bool:
    """Whether `headers` (case-insensitive) sign `form` for `url`.

    The key is one of the account's auth tokens (two, during a rotation), or the shared key's secret
    if the settings header says that one was used (and we have it). Twilio may add a slash to the
    URL, include the scheme's default port or not, and spell the host as in its console; all of
    these are accepted.
    """
    settings = _header(headers, _SETTINGS)
    digest = _DIGESTS.get(_algorithm(settings).upper())
    if digest is None:
        return False
    shared_key = shared_key_secret if settings else None
    keys = (shared_key,) if shared_key else auth_tokens
    fields = "".join(name + value for name, value in sorted(set(form)))
    given = _header(headers, SIGNATURE_HEADER).encode("utf-8", "replace")
    return any(
        hmac.compare_digest(
            base64.b64encode(hmac.new(key.encode(), f"{signed}{fields}".encode(), digest).digest()),
            given,
        )
        for key in keys
        for ending in ("", "/")
        for signed in _spellings(url + ending, _header(headers, "host"))
    )


def _header(headers: Mapping[str, str], name: str) -> str:
    """Return the header; empty if it is missing, or if `headers` raises because it is repeated."""
    try:
        return headers.get(name, "")
    except LookupError:
        return ""


def _algorithm(settings: str) -> str:
    for part in settings.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return value.strip()
    return "HMAC_SHA1"


def _spellings(url: str, host_header: str) -> Iterator[str]:
    """Yield `url` with and without its port, with its host unchanged, in ASCII, and as the request
    spells it."""
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    if parts.port is None:
        ports = ("", ":443" if parts.scheme in ("https", "wss") else ":80")
    else:
        host = host.rpartition(":")[0]
        ports = (f":{parts.port}", "")
    named = re.sub(":[0-9]*$", "", host_header)
    same = [named] if _is_same(named, host) else []
    for spelled in dict.fromkeys((host, ascii_host(host), *same)):
        for port in ports:
            yield parts._replace(netloc=f"{userinfo}{at}{spelled}{port}").geturl()


def _is_same(named: str, host: str) -> bool:
    try:
        return ascii_host(named) == ascii_host(host)
    except ValueError:
        return False

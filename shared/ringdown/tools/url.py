"""Decides which URLs tools may have. Operators write declarations, so a URL must lead to an
external server that proves who it is, and never to the machine's own credentials."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from ringdown.hosts import ascii_host

_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog"})
_METADATA_ADDRESSES = frozenset(
    ipaddress.ip_address(address) for address in ("fd00:ec2::254", "fd20:ce::254")
)
_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def problem_with_url(url: str) -> str | None:
    """Say why a tool can't be at `url`, in words that complete "the URL …"; None if it can."""
    try:
        parts = urlsplit(url)
        _ = parts.port
        host = _host(parts)
        address = _address(host)
    except ValueError:
        return "is not a URL"
    if not host or parts.scheme not in ("https", "http"):
        return "must begin with https://"
    if parts.username is not None or parts.password is not None:
        return "must not contain a user or a password"
    if host in _METADATA_NAMES or _is_internal(address):
        return "leads to the machine's metadata"
    if parts.scheme == "http" and not _is_loopback(host, address):
        return "must begin with https:// (http is for this machine only)"
    return None


def audience_of(url: str) -> str | None:
    """Return the audience of our ID token; None for a tool on this machine, which needs no token.

    Cloud Run expects the service's URL, without a path.
    """
    parts = urlsplit(url)
    return None if parts.scheme == "http" else f"https://{parts.netloc}"


def _host(parts: SplitResult) -> str:
    """Return the host as the HTTP client looks it up. Raises ValueError."""
    return ascii_host(parts.hostname or "").rstrip(".")


def _address(host: str) -> _Address | None:
    """Parse an IP address; None for a name. Raises ValueError for a number that only some parsers
    read as an address."""
    if ":" not in host and _NUMERIC.fullmatch(host.rpartition(".")[2]) is None:
        return None
    address = ipaddress.ip_address(host.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def _is_internal(address: _Address | None) -> bool:
    return address is not None and (
        address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or address in _METADATA_ADDRESSES
    )


def _is_loopback(host: str, address: _Address | None) -> bool:
    return host == "localhost" or (address is not None and address.is_loopback)

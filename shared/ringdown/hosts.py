"""Normalizes host names to the form that is used to look them up."""


def ascii_host(host: str) -> str:
    """Convert `host` to lowercase ASCII: `Bücher.example` becomes `xn--bcher-kva.example`, and
    other scripts' full stops become dots. Raises ValueError if it isn't a host name."""
    return host.lower() if host.isascii() else host.encode("idna").decode("ascii").lower()

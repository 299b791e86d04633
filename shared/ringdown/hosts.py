"""Host names as they are looked up, however they are written."""


def ascii_host(host: str) -> str:
    """`host` in small letters and in ASCII: `Bücher.example` is `xn--bcher-kva.example`, and other
    scripts' full stops are dots. Raises ValueError if it isn't a host name."""
    return host.lower() if host.isascii() else host.encode("idna").decode("ascii").lower()

"""TLS for a server on this machine, with a certificate authority made for this one server."""

import ssl
from pathlib import Path

import trustme


def local_tls(host: str, ca_file: Path) -> ssl.SSLContext:
    """For a server at `host`. Writes `ca_file` (PEM), which clients need in order to trust it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host, "localhost").configure_cert(context)
    return context

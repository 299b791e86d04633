"""TLS for a server on this machine, with a certificate authority made for this one server."""

import ssl
from pathlib import Path

import trustme


def local_tls(host: str, ca_file: Path) -> ssl.SSLContext:
    """Make the TLS context of a server at `host`, and write `ca_file` (PEM) for its clients."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host, "localhost").configure_cert(context)
    return context

"""What Twilio demands of a `<Stream>` before it connects."""

import ipaddress
from urllib.parse import urlsplit

from .alerts import Alert, AlertCode
from .twiml import ConnectStream


def check_stream(stream: ConnectStream) -> Alert | None:
    """Return an alert for the rule that the verb breaks, or None.

    Unlike Twilio, this network accepts `ws://`, but only on loopback addresses.
    """
    url = urlsplit(stream.url)
    if stream.track != "inbound_track":
        detail = f'<Connect><Stream track="{stream.track}">: only inbound_track is possible'
        return Alert(AlertCode.STREAM_INVALID_TRACK, detail)
    if url.scheme != "wss" and not (url.scheme == "ws" and _is_loopback(url.hostname)):
        return Alert(AlertCode.STREAM_URL_NOT_WSS, f"{stream.url} is not a wss URL")
    if url.query or "?" in stream.url:
        detail = f"{stream.url} has a query string: use <Parameter>"
        return Alert(AlertCode.STREAM_HANDSHAKE_FAILED, detail)
    if not url.hostname:
        return Alert(AlertCode.STREAM_HANDSHAKE_FAILED, f"{stream.url} has no host")
    return None


def _is_loopback(host: str | None) -> bool:
    if host is None:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

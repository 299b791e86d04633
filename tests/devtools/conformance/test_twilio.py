"""Reads the bytes between Twilio and our deployables, however they are split."""

from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from devtools.conformance.twilio import Reading

FORM = b"CallSid=CA1&CallStatus=ringing&From=%2B1415"
POST = b"POST /status?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(FORM), FORM)
UPGRADE = b"GET /media HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
MEDIA = b'{"event": "media"}'


def frames(*, masked: bool) -> bytes:
    return b"".join(
        frame.serialize(mask=masked)
        for frame in (Frame(Opcode.TEXT, MEDIA), Frame(Opcode.CLOSE, b"\x03\xe8bye"))
    )


def read(data: bytes, piece: int, *, is_ours: bool = False) -> list[tuple[dict[str, Any], bool]]:
    kept: list[tuple[dict[str, Any], bool]] = []
    reading = Reading(lambda body, ours: kept.append((body, ours)), is_ours=is_ours)
    for at in range(0, len(data), piece):
        reading.feed(data[at : at + piece])
    return kept


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_requests_on_one_connection(piece: int) -> None:
    form = {"CallSid": "CA1", "CallStatus": "ringing", "From": "+1415"}

    assert read(POST * 2, piece) == [({"request": "POST /status", "form": form}, False)] * 2


@pytest.mark.parametrize("piece", [1, 7, 1000])
@pytest.mark.parametrize("is_ours", [False, True])
def test_a_stream(piece: int, is_ours: bool) -> None:
    head = SWITCHED if is_ours else UPGRADE

    assert read(head + frames(masked=not is_ours), piece, is_ours=is_ours) == [
        ({"event": "media"}, is_ours),
        ({"ended": "closed with 1000"}, is_ours),
    ]


def test_our_replies_to_webhooks_are_passed_over() -> None:
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n<Response/>"

    assert read(reply, 4, is_ours=True) == []

"""WebSocket frames (RFC 6455, section 5.2) that come and go whole, which nearly all do.

The library reads a frame through five generators and writes it through as many objects, because
any frame may be cut anywhere. Tests compare what is read and written here with what it does.
"""

import secrets
import struct
from collections.abc import Iterator

from websockets import frames
from websockets.frames import Opcode

LONGEST = 0xFFFF
"""Bytes of a payload that can be read here."""

_FINAL = 0x80
_MASKED = 0x80
_TWO_BYTES, _EIGHT_BYTES = 126, 127
_SHORT_HEAD, _LONG_HEAD, _LONGEST_HEAD = (struct.Struct(form) for form in ("!BB", "!BBH", "!BBQ"))
_MASKS_AT_ONCE = 64
_apply_mask = frames.apply_mask  # type: ignore[attr-defined]  # in C, where the library has it so


def read_whole(data: bytes, at: int, opcode: Opcode, *, masked: bool) -> tuple[bytes, int] | None:
    """The payload of the frame that begins at `at`, and where the next one begins.

    None if it is not all there, is a piece of a message, of another kind, too long, or wrong.
    """
    if len(data) < at + 2 or data[at] != _FINAL | opcode:
        return None
    length = data[at + 1] - (_MASKED if masked else 0)
    start = at + 2
    if length == _TWO_BYTES:
        length = int.from_bytes(data[start : start + 2])
        start += 2
    elif not 0 <= length < _TWO_BYTES:
        return None
    mask_at = start
    if masked:
        start += 4
    end = start + length
    if end > len(data):
        return None
    payload = data[start:end]
    return (_apply_mask(payload, data[mask_at:start]) if masked else payload), end


def text_frame(payload: bytes, mask: bytes | None = None) -> bytes:
    """The frame of a whole message; clients must send theirs under a mask."""
    length = len(payload)
    masked = 0 if mask is None else _MASKED
    kind = _FINAL | Opcode.TEXT
    if length < _TWO_BYTES:
        head = _SHORT_HEAD.pack(kind, masked | length)
    elif length <= LONGEST:
        head = _LONG_HEAD.pack(kind, masked | _TWO_BYTES, length)
    else:
        head = _LONGEST_HEAD.pack(kind, masked | _EIGHT_BYTES, length)
    return head + payload if mask is None else head + mask + _apply_mask(payload, mask)


def masks() -> Iterator[bytes]:
    """Endless, and not to be predicted. Many are drawn at once: each draw is a system call."""
    while True:
        drawn = secrets.token_bytes(4 * _MASKS_AT_ONCE)
        for at in range(0, len(drawn), 4):
            yield drawn[at : at + 4]

"""A telephone that a person holds: their voice goes up, what they hear comes down."""

from typing import Protocol


class Handset(Protocol):
    """Used once a frame, every 20 ms; must not block."""

    def next_frame(self) -> bytes | None:
        """160 bytes of µ-law at 8 kHz, or None while there is nothing to send."""
        ...

    def play(self, frame: bytes) -> None:
        """What the line brings, in the same form."""
        ...

"""A telephone that a person holds: sends their voice, plays what they hear."""

from typing import Protocol


class Handset(Protocol):
    """Called once per frame, every 20 ms; must not block."""

    def next_frame(self) -> bytes | None:
        """160 bytes of µ-law at 8 kHz, or None while there is nothing to send."""
        ...

    def play(self, frame: bytes) -> None:
        """Play a frame from the line, in the same format."""
        ...

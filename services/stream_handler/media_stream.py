"""What a call needs of the carrier: a stream of the caller's sound and keys, and a way to be heard.

`twilio/stream` is one. Another carrier is another folder next to `twilio/`, and a path in `server`.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol, TypeAlias

import msgspec
from websockets.frames import CloseCode


class Refused(Exception):
    """The stream is not let in; it is closed with `code` and nothing is dialled."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(reason)


class Sound(msgspec.Struct, frozen=True, gc=False):
    """The caller's voice, usually 20 ms of it: µ-law at 8 kHz."""

    mulaw: bytes


class MarkPlayed(msgspec.Struct, frozen=True, gc=False):
    """All sound before the mark has been played, or cleared."""

    name: str


class KeyPressed(msgspec.Struct, frozen=True):
    """0-9, * or #."""

    digit: str


class HungUp(msgspec.Struct, frozen=True):
    """The caller has."""


FromCaller: TypeAlias = Sound | MarkPlayed | KeyPressed | HungUp


class MediaStream(Protocol):
    """The open stream of a call.

    `play`, `mark` and `clear` never wait. False means that the carrier doesn't read, and that too
    much is waiting already.
    """

    @property
    def call_sid(self) -> str: ...

    @property
    def parameters(self) -> Mapping[str, str]:
        """What the webhook gave the stream to bring along: its token, and sometimes its call."""

    def receive(self) -> AsyncIterator[FromCaller]:
        """What comes from the caller, until the connection is gone."""

    def play(self, mulaw: bytes) -> bool:
        """Have µ-law at 8 kHz played after what waits to be played."""

    def mark(self, name: str) -> bool:
        """Request a `MarkPlayed` when everything before it has been played."""

    def clear(self) -> bool:
        """Drop what has not been played yet."""

    async def send_waiting(self) -> None:
        """Send what could not be sent immediately, until the connection is gone.

        Raises TimeoutError if the carrier doesn't read.
        """

    async def close(self, code: CloseCode = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None: ...

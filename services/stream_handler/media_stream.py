"""What a call needs from its carrier: the caller's audio and keys, and a way to play audio back.

`twilio/stream` implements it. Another carrier would be another folder next to `twilio/`, and a path
in `server`.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol, TypeAlias

import msgspec
from websockets.frames import CloseCode


class Refused(Exception):
    """The stream isn't admitted. It is closed with `code`, and no model is dialled."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(reason)


class Sound(msgspec.Struct, frozen=True, gc=False):
    """The caller's voice, usually 20 ms: µ-law at 8 kHz."""

    mulaw: bytes


class MarkPlayed(msgspec.Struct, frozen=True, gc=False):
    """All sound before the mark has been played or cleared."""

    name: str


class KeyPressed(msgspec.Struct, frozen=True):
    """The caller pressed a key: 0-9, * or #."""

    digit: str


class HungUp(msgspec.Struct, frozen=True):
    """The caller hung up."""


FromCaller: TypeAlias = Sound | MarkPlayed | KeyPressed | HungUp


class MediaStream(Protocol):
    """The open stream of a call.

    `play`, `mark` and `clear` never wait. False means that the carrier isn't reading and too much
    is already queued.
    """

    @property
    def call_sid(self) -> str: ...

    @property
    def parameters(self) -> Mapping[str, str]:
        """What the webhook sent with the stream: its token, and sometimes its call."""

    def receive(self) -> AsyncIterator[FromCaller]:
        """Yield what comes from the caller until the connection is gone."""

    def play(self, mulaw: bytes) -> bool:
        """Play µ-law at 8 kHz after everything queued before it."""

    def mark(self, name: str) -> bool:
        """Request a `MarkPlayed` when everything before it has been played."""

    def clear(self) -> bool:
        """Drop what hasn't been played yet."""

    async def send_waiting(self) -> None:
        """Send what couldn't be sent immediately, until the connection is gone.

        Raises TimeoutError if the carrier isn't reading.
        """

    async def close(self, code: CloseCode = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None: ...

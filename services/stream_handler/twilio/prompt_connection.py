"""Connections that hand messages over where they arrive, without a queue and a task.

For 50 messages a second and call the way through the library costs more than all else that we do
with them. Only the usual is taken out of its hands: whole messages of the usual kind, between two
others. The opening, the closing, pings, pieces and everything wrong stay its own.
"""

from collections.abc import AsyncIterator, Callable
from types import GeneratorType

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, Event, Protocol, State
from websockets.streams import StreamReader

from stream_handler.twilio.whole_frames import read_whole

_DATA = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})
_BETWEEN_FRAMES = StreamReader.at_eof.__code__


class _Prompt(Connection):
    """`recv` works as ever until `messages` is called. `max_size` must be 64 KiB at least."""

    _usual: Opcode
    """The kind of message that is handed over."""
    _hear: Callable[[str | bytes], bool]
    _prompt = False
    """Whether a listener waits and nothing is queued before the next message."""
    _between_frames = False
    """Whether the library has all of the last frame, and nothing of the next."""

    async def messages(self, hear: Callable[[str | bytes], bool]) -> AsyncIterator[str | bytes]:
        """Give messages to `hear` where they arrive; those that it leaves come out here, in order.

        `hear` must neither wait nor raise, and says whether it has taken the message. A message
        that had to be queued is not offered to it. Raises ConnectionClosed.
        """
        self._hear = hear
        try:
            while True:
                self._prompt = True  # true if `recv` has to wait, and else over at once
                message = await self.recv()
                self._prompt = False
                yield message
        finally:
            self._prompt = False
            del self._hear  # who listens refers to us, and would wait for a collection

    def data_received(self, data: bytes) -> None:
        direct = self._prompt and self._between_frames and self.protocol.state is State.OPEN
        at = self._hear_whole(data) if direct else 0
        if at < len(data):
            super().data_received(data[at:] if at else data)
            self._between_frames = _is_between_frames(self.protocol)

    def process_event(self, event: Event) -> None:
        if isinstance(event, Frame) and event.opcode in _DATA:
            if self._prompt and event.fin and event.opcode is self._usual:
                message = self._message(bytes(event.data))
                if message is not None and self._hear(message):
                    return
            self._prompt = False  # it is queued now, and what follows must not overtake it
        super().process_event(event)

    def _hear_whole(self, data: bytes) -> int:
        """Hand over the messages that `data` begins with; where the first that is left begins."""
        at, masked = 0, self.protocol.side is not CLIENT
        while at < len(data):
            frame = read_whole(data, at, self._usual, masked=masked)
            if frame is None:
                break
            message = self._message(frame[0])
            if message is None or not self._hear(message):
                self._prompt = False  # once is enough
                break
            at = frame[1]
        return at

    def _message(self, payload: bytes) -> str | bytes | None:
        """None for text that is none: the library closes such a connection."""
        if self._usual is Opcode.BINARY:
            return payload
        try:
            return payload.decode()
        except UnicodeDecodeError:
            return None


def _is_between_frames(protocol: Protocol) -> bool:
    waits: object = protocol.parser
    while isinstance(waits, GeneratorType) and waits.gi_code is not _BETWEEN_FRAMES:
        waits = waits.gi_yieldfrom
    nothing_begun = not protocol.reader.buffer and protocol.current_size is None
    return waits is not None and nothing_begun and not protocol.extensions


class PromptConnection(_Prompt, ServerConnection):
    """What the server makes of every connection; Twilio sends text."""

    _usual = Opcode.TEXT


class PromptClient(_Prompt, ClientConnection):
    """The connection to the model, which sends binary messages."""

    _usual = Opcode.BINARY

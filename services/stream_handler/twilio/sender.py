"""Sends messages to Twilio: in order, bounded, without making the call wait."""

import asyncio
from collections import deque
from typing import NoReturn

from websockets.asyncio.server import ServerConnection, broadcast
from websockets.protocol import State

from stream_handler.twilio import media_streams

SEND_TIMEOUT_S = 5.0
WAITING_LIMIT = 3_000
"""Messages wait only when Twilio has stopped reading:
3,000 chunks of 40 ms are two minutes of speech."""


class Sender:
    """Sends the messages of one stream.

    `media`, `mark` and `clear` never wait; False means that the queue is full, because Twilio
    doesn't read. A message is written immediately if nothing is ahead of it; otherwise `run`
    sends it.
    """

    def __init__(
        self,
        socket: ServerConnection,
        stream_sid: str,
        *,
        limit: int = WAITING_LIMIT,
        timeout_s: float = SEND_TIMEOUT_S,
    ) -> None:
        """`limit` is how many messages may wait; `timeout_s` how long each may take to send."""
        self._socket = socket
        self._stream_sid = stream_sid
        self._limit = limit
        self._timeout_s = timeout_s
        self._waiting: deque[str] = deque()
        self._filled = asyncio.Event()

    def media(self, mulaw: bytes) -> bool:
        return self._put(media_streams.encode_media(self._stream_sid, mulaw))

    def mark(self, name: str) -> bool:
        return self._put(media_streams.encode_mark(self._stream_sid, name))

    def clear(self) -> None:
        """Drop the messages that still wait, and send `clear` next."""
        self._waiting.clear()
        self._put(media_streams.encode_clear(self._stream_sid))

    async def run(self) -> NoReturn:
        """Send the messages that had to wait, for as long as the connection lasts.

        Raises ConnectionClosed, and TimeoutError if Twilio doesn't read.
        """
        while True:
            while self._waiting:
                async with asyncio.timeout(self._timeout_s):
                    await self._socket.send(self._waiting.popleft())
            self._filled.clear()
            await self._filled.wait()

    def _put(self, message: str) -> bool:
        if not self._waiting and _is_free(self._socket):
            # Saves a task's turn and 10 µs a message: nobody has to wait for the buffer to drain.
            broadcast((self._socket,), message)
            return True
        if len(self._waiting) >= self._limit:
            return False
        self._waiting.append(message)
        self._filled.set()
        return True


def _is_free(socket: ServerConnection) -> bool:
    """Whether a message can be written without waiting."""
    return socket.state is State.OPEN and not socket.transport.get_write_buffer_size()

"""Sends text messages on a WebSocket: at once while the peer reads, queued while it does not."""

import asyncio
from collections import deque
from typing import NoReturn

from websockets.asyncio.connection import Connection
from websockets.protocol import CLIENT, State

from stream_handler.twilio.whole_frames import masks, text_frame

SEND_TIMEOUT_S = 5.0


class Outlet:
    """One connection's sender; `send` may be called from anywhere and never waits.

    A message that can leave at once is written from where it arises: a queue and a task of its
    own would cost every frame 6 µs and a turn of the event loop. `run` sends what had to wait.
    """

    def __init__(
        self, socket: Connection, limit: int, *, timeout_s: float = SEND_TIMEOUT_S
    ) -> None:
        """`limit` is how many messages may wait, `timeout_s` how long one may take to leave."""
        self._timeout_s = timeout_s
        self._socket = socket
        self._masks = masks() if socket.protocol.side is CLIENT else None
        self._limit = limit
        self._waiting: deque[str] = deque()
        self._filled = asyncio.Event()

    def send(self, message: str) -> bool:
        """Send, or let wait; False if too many wait already: the peer does not read."""
        socket = self._socket
        if not self._waiting and not socket.paused and socket.protocol.state is State.OPEN:
            # What `Connection.send` does, but for the waiting that it may come to.
            mask = None if self._masks is None else next(self._masks)
            socket.transport.write(text_frame(message.encode(), mask))
            return True
        if len(self._waiting) >= self._limit:
            return False
        self._waiting.append(message)
        self._filled.set()
        return True

    def drop_waiting(self) -> None:
        self._waiting.clear()

    async def run(self) -> NoReturn:
        """Send what waits, for as long as the connection lasts.

        Raises ConnectionClosed, and TimeoutError if the peer does not read.
        """
        while True:
            while not self._waiting:
                self._filled.clear()
                await self._filled.wait()
            message = self._waiting[0]  # stays in front, so that none overtakes it
            async with asyncio.timeout(self._timeout_s):
                await self._socket.send(message)
            if self._waiting and self._waiting[0] is message:
                self._waiting.popleft()

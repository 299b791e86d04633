"""What waits to be sent to Twilio: bounded, in order, and emptied by a `clear`."""

import asyncio
from collections import deque

from stream_handler import media_streams

# The model sends faster than real time and Twilio buffers, so this only fills when Twilio has
# stopped reading: 3,000 chunks of 40 ms are two minutes of speech.
_LIMIT = 3_000


class Outbox:
    """A queue of encoded messages. `put_…` never waits; False means that the peer does not read."""

    def __init__(self, stream_sid: str) -> None:
        self._stream_sid = stream_sid
        self._messages: deque[str] = deque()
        self._filled = asyncio.Event()

    def put_media(self, mulaw: bytes) -> bool:
        return self._put(media_streams.encode_media(self._stream_sid, mulaw))

    def put_mark(self, name: str) -> bool:
        return self._put(media_streams.encode_mark(self._stream_sid, name))

    def clear(self) -> None:
        """Drop media and marks that still wait, and send `clear` next."""
        self._messages.clear()
        self._put(media_streams.encode_clear(self._stream_sid))

    async def get(self) -> str:
        """The next message, waiting for one."""
        while not self._messages:
            self._filled.clear()
            await self._filled.wait()
        return self._messages.popleft()

    def _put(self, message: str) -> bool:
        if len(self._messages) >= _LIMIT:
            return False
        self._messages.append(message)
        self._filled.set()
        return True

"""A connection that hands text messages over where they arrive, without a queue and a task.

For 50 messages a second and call the way through `recv` costs as much as all else that we do with
them. Only who listens differs; reading, closing and everything unusual stays the library's.
"""

from collections.abc import Callable

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.protocol import Event


class PromptConnection(ServerConnection):
    """What the server makes of every connection; `recv` works as ever until somebody listens."""

    _hear: Callable[[str | bytes], None]
    _prompt = False
    """Whether a listener waits and nothing is queued before the next message."""

    async def listen(self, hear: Callable[[str | bytes], None]) -> None:
        """Give every message to `hear`, in order, until the connection is closed.

        `hear` must neither wait nor raise.
        """
        self._hear = hear
        try:
            while True:
                self._prompt = True  # true if `recv` has to wait, and else over at once
                message = await self.recv()
                self._prompt = False
                hear(message)
        except ConnectionClosed:
            pass
        finally:
            self._prompt = False

    def process_event(self, event: Event) -> None:
        text = _whole_text(event) if self._prompt else None
        if text is not None:
            self._hear(text)
            return
        if isinstance(event, Frame) and event.opcode in _DATA:
            self._prompt = False  # it is queued now, and what follows must not overtake it
        super().process_event(event)


_DATA = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})


def _whole_text(event: Event) -> str | None:
    if not isinstance(event, Frame) or event.opcode is not Opcode.TEXT or not event.fin:
        return None
    try:
        return str(event.data, "utf-8")
    except UnicodeDecodeError:
        return None  # the library closes such a connection

"""The connection to the model: the state it is in, what the model does, and what is stale.

    CONNECTING ──connected──▶ LISTENING ──lost, left──▶ RECONNECTING
                               │     ▲ ◀────connected──────────┘ ▲
                              move   └connected, failed┐         │
                               └────────────────────▶ MOVING ──lost

A session that is to be resumed by its handle must be closed before: it is left. A fresh one can be
opened beside it: until it is there the old one goes on listening (MOVING), and nobody notices.
"""

import enum

_STALE_MS = 1_000.0


class LinkState(enum.Enum):
    CONNECTING = enum.auto()
    LISTENING = enum.auto()
    MOVING = enum.auto()
    RECONNECTING = enum.auto()
    CLOSED = enum.auto()


class LinkNews(enum.Enum):
    CONNECTED = enum.auto()
    FAILED = enum.auto()
    """A connection could not be made."""
    LOST = enum.auto()
    LEFT = enum.auto()
    """We have closed the connection, to make another one."""
    MOVE = enum.auto()
    """We make another one beside it."""


_NEXT = {
    (LinkState.CONNECTING, LinkNews.CONNECTED): LinkState.LISTENING,
    (LinkState.CONNECTING, LinkNews.FAILED): LinkState.CONNECTING,
    (LinkState.LISTENING, LinkNews.LOST): LinkState.RECONNECTING,
    (LinkState.LISTENING, LinkNews.LEFT): LinkState.RECONNECTING,
    (LinkState.LISTENING, LinkNews.MOVE): LinkState.MOVING,
    (LinkState.MOVING, LinkNews.CONNECTED): LinkState.LISTENING,
    (LinkState.MOVING, LinkNews.FAILED): LinkState.LISTENING,
    (LinkState.MOVING, LinkNews.LOST): LinkState.RECONNECTING,
    (LinkState.RECONNECTING, LinkNews.CONNECTED): LinkState.LISTENING,
    (LinkState.RECONNECTING, LinkNews.FAILED): LinkState.RECONNECTING,
}


class ModelLink:
    """What the model is doing, as far as its messages tell."""

    def __init__(self) -> None:
        self.state = LinkState.CONNECTING
        self.listening = False
        """Whether a session takes what is sent."""
        self._interrupted_ms: float | None = None
        self.generating = False
        """Whether a reply has begun whose last audio has not come yet."""
        self.last_audio_ms = 0.0

    def take(self, news: LinkNews) -> bool:
        """Go on to the next state; False for news that mean nothing in this one."""
        following = _NEXT.get((self.state, news))
        if following is None:
            return False
        self.state = following
        self.listening = following in (LinkState.LISTENING, LinkState.MOVING)
        return True

    def closed(self) -> None:
        """Nothing is connected any more, and nothing will be."""
        self.state = LinkState.CLOSED
        self.listening = self.generating = False

    def audio(self, at_ms: float) -> bool:
        """Audio has come; False if it belongs to a reply that was interrupted and is to be dropped.

        Such audio ends with the turn; a server that never ends the turn is believed again after
        a second, so that a lost `turnComplete` costs a second and not the call.
        """
        if self._interrupted_ms is not None and at_ms - self._interrupted_ms < _STALE_MS:
            return False
        self._interrupted_ms = None
        self.generating = True
        self.last_audio_ms = at_ms
        return True

    def interrupted(self, at_ms: float) -> None:
        if self.generating:
            self._interrupted_ms = at_ms
        self.generating = False

    def generation_completed(self) -> None:
        self.generating = False

    def turn_completed(self) -> None:
        self.generating = False
        self._interrupted_ms = None

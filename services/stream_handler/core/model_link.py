"""The state of the model's session: whether it listens, whether it speaks, and what is stale."""

import enum

_STALE_MS = 1_000.0


class _State(enum.Enum):
    CONNECTING = enum.auto()
    LISTENING = enum.auto()
    CLOSED = enum.auto()


class ModelLink:
    """What the model is doing, as far as its messages tell."""

    def __init__(self) -> None:
        self._state = _State.CONNECTING
        self._interrupted_ms: float | None = None
        self.generating = False
        """Whether a reply has begun whose last audio has not come yet."""

    @property
    def listening(self) -> bool:
        return self._state is _State.LISTENING

    def connected(self) -> None:
        self._state = _State.LISTENING

    def closed(self) -> None:
        self._state = _State.CLOSED
        self.generating = False

    def audio(self, at_ms: float) -> bool:
        """Audio has come; False if it belongs to a reply that was interrupted and is to be dropped.

        Such audio ends with the turn; a server that never ends the turn is believed again after
        a second, so that a lost `turnComplete` costs a second and not the call.
        """
        if self._interrupted_ms is not None and at_ms - self._interrupted_ms < _STALE_MS:
            return False
        self._interrupted_ms = None
        self.generating = True
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

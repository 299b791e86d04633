"""Chooses which of the model's endpoints to dial next."""

_AGAIN_MS = 60_000.0
"""If an endpoint breaks a second session within this time, the next endpoint is dialled."""


class Endpoints:
    """Starts with the first endpoint, and moves to the next as soon as one refuses a session, or
    breaks sessions twice within a minute. After the last, it returns to the first.

    Endpoints are identified by their index. Times are in ms of the call.
    """

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ("",)
        self._dialled = 0
        """Where the next session will be opened, or the latest one was."""
        self._listening = 0
        """Where the listening session is, or the one that was last lost."""
        self._refused: dict[int, str] = {}
        """Endpoints that have refused since the last session was lost, and why."""
        self._tried: set[int] = set()
        """Endpoints that have refused in this round."""
        self._hopeless: set[int] = set()
        """Endpoints that will refuse however often they are dialled."""
        self._broke_ms: float | None = None

    def begin(self, names: tuple[str, ...], at: str | None) -> None:
        """`at` names the endpoint that holds the session to resume; None for the first."""
        self._names = names or self._names
        self._dialled = self._listening = names.index(at) if at in names else 0

    @property
    def place(self) -> int:
        """Index of the endpoint to dial."""
        return self._dialled

    @property
    def name(self) -> str | None:
        """Name of the endpoint to dial; None for the first."""
        return self._name(self._dialled)

    @property
    def listening(self) -> str | None:
        """Name of the endpoint whose session is listening; None for the first."""
        return self._name(self._listening)

    @property
    def untried(self) -> int:
        """How many endpoints are left in this round, including the one to dial."""
        return len(self._names) - len(self._tried | self._hopeless)

    def outage(self) -> None:
        """Note that a session is lost or will be replaced: any endpoint may be dialled again."""
        self._refused.clear()
        self._tried.clear()
        self._hopeless.clear()

    def refused(self, reason: str, *, for_good: bool) -> bool | None:
        """Choose the next endpoint, because this one refused.

        Returns whether that one is still untried in this round; None if all are hopeless.
        """
        self._refused[self._dialled] = reason
        self._tried.add(self._dialled)
        if for_good:
            self._hopeless.add(self._dialled)
        count = len(self._names)
        following = [(self._dialled + n) % count for n in range(1, count + 1)]
        left = [place for place in following if place not in self._hopeless]
        untried = [place for place in left if place not in self._tried]
        if not left:
            return None
        if not untried:
            self._tried.clear()
        self._dialled = (untried or left)[0]
        return bool(untried)

    def broke(self, at_ms: float) -> None:
        """Note that the listening session broke off; the second time, choose the next endpoint."""
        again = self._broke_ms is not None and at_ms - self._broke_ms < _AGAIN_MS
        self._broke_ms = at_ms
        if again and self._dialled == self._listening:
            self._dialled = (self._dialled + 1) % len(self._names)

    def connected(self) -> bool:
        """Note that a session is listening. Return whether the endpoint has changed."""
        moved = self._listening != self._dialled
        if moved:
            self._listening, self._broke_ms = self._dialled, None
        return moved

    def why(self, reason: str) -> str:
        """Return why there is no session; with several endpoints, what each of them said."""
        if len(self._names) == 1:
            return reason
        said = [f"{said} ({self._names[n]})" for n, said in sorted(self._refused.items())]
        return "; ".join(said) or reason

    def _name(self, place: int) -> str | None:
        return self._names[place] if place else None

"""Which of the model's endpoints is dialled next."""

_AGAIN_MS = 60_000.0
"""A second break within it is one too many."""


class Endpoints:
    """Starts at the first. Where a session is refused, the next endpoint is dialled immediately;
    where sessions break twice within a minute, too. The first comes again after the last.

    Endpoints are known by their places in the order; times are ms of the call.
    """

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ("",)
        self._dialled = 0
        """Where the next session is opened, or was opened last."""
        self._listening = 0
        """Where the session is that listens, or was lost last."""
        self._refused: dict[int, str] = {}
        """Which have refused since the last session was lost, and why."""
        self._tried: set[int] = set()
        """Which have refused in this round."""
        self._hopeless: set[int] = set()
        """Which will refuse again, however often they are dialled."""
        self._broke_ms: float | None = None

    def begin(self, names: tuple[str, ...], at: str | None) -> None:
        """`at` is the name of the one that has the session to resume; None for the first."""
        self._names = names or self._names
        self._dialled = self._listening = names.index(at) if at in names else 0

    @property
    def place(self) -> int:
        """Of the one to dial."""
        return self._dialled

    @property
    def name(self) -> str | None:
        """Of the one to dial; None for the first."""
        return self._name(self._dialled)

    @property
    def listening(self) -> str | None:
        """The name of the one whose session listens; None for the first."""
        return self._name(self._listening)

    @property
    def untried(self) -> int:
        """How many are left in this round, with the one to dial."""
        return len(self._names) - len(self._tried | self._hopeless)

    def outage(self) -> None:
        """A session is gone, or to be replaced: every endpoint may be dialled again."""
        self._refused.clear()
        self._tried.clear()
        self._hopeless.clear()

    def refused(self, reason: str, *, for_good: bool) -> bool | None:
        """The endpoint refuses, so choose the next. Whether it hasn't been dialled in this round;
        None if it is hopeless to dial any of them."""
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
        """The session that listened has ended by itself."""
        again = self._broke_ms is not None and at_ms - self._broke_ms < _AGAIN_MS
        self._broke_ms = at_ms
        if again and self._dialled == self._listening:
            self._dialled = (self._dialled + 1) % len(self._names)

    def connected(self) -> bool:
        """A session listens; whether it is at another endpoint than the one before."""
        moved = self._listening != self._dialled
        if moved:
            self._listening, self._broke_ms = self._dialled, None
        return moved

    def why(self, reason: str) -> str:
        """Why no endpoint has a session: what each has said, if there are several."""
        if len(self._names) == 1:
            return reason
        said = [f"{said} ({self._names[n]})" for n, said in sorted(self._refused.items())]
        return "; ".join(said) or reason

    def _name(self, place: int) -> str | None:
        return self._names[place] if place else None

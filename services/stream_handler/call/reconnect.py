"""Decides whether and when to replace a lost model session, where, and with which handle."""

from collections import deque

from ringdown.calls import Resumption
from stream_handler.call.endpoints import Endpoints
from stream_handler.call.timers import RECONNECT_MS

_OUTAGE_MS = 8_000.0
"""How long the caller waits for a model before being sent to a person."""
_LAST_TRY_MS = 1_000.0
"""How much of it is reserved for the attempts after the last pause."""
_MOST_IN_A_MINUTE = 4
_MOST_IN_A_CALL = 30
_QUICK_MS = 10_000.0
"""A resumed session that ends sooner never got going: its handle may be why."""
_QUICK_FAILURES = 2
_GO_AWAY_AGAIN_MS = 60_000.0
_HOPELESS = frozenset({400, 401, 403, 404, 1007, 1008})
"""HTTP statuses and close codes that retrying can't fix: the key, model or access is wrong; or the
handle is unknown, expired or poisoned."""
_TOO_MUCH = 1007
"""An invalid argument; also the service's answer to instructions that are too long."""
_SMALLER = {1.0: 0.5, 0.5: 0.0}


class Reconnects:
    """Counts failures, and chooses an endpoint and a handle, or a fresh session.

    Times are in ms of the call.
    """

    def __init__(self, handle: Resumption | None) -> None:
        self._handle = handle
        """The newest handle. It restores what was said before it was issued, and is valid only at
        the endpoint that issued it."""
        self._endpoints = Endpoints()
        self._used: Resumption | None = None
        """The handle that the current session was opened with, or is being opened with."""
        self._quick_failures = 0
        self.outage_ms = 0.0
        """Since when there has been no session: it was lost, or the stream started."""
        self._pauses = 0
        self._connected_ms: float | None = None
        self._made: deque[float] = deque(maxlen=_MOST_IN_A_MINUTE)
        self._made_in_call = 0
        self.told_share = 1.0
        """How much of the transcript a fresh session gets."""
        self._left_because_asked_ms: float | None = None

    def begin(self, at_ms: float, endpoints: tuple[str, ...]) -> None:
        """Prepare to open the first session of the stream."""
        self.outage_ms = at_ms
        self._endpoints.begin(endpoints, None if self._handle is None else self._handle.endpoint)

    @property
    def endpoint(self) -> int:
        """Index of the endpoint to dial now."""
        return self._endpoints.place

    @property
    def endpoint_name(self) -> str | None:
        """Name of the listening endpoint; None for the first."""
        return self._endpoints.listening

    def within_ms(self, at_ms: float, most_ms: float) -> float:
        """How long the next attempt may take if every endpoint is to get a turn while the caller
        waits."""
        share_ms = self._left_ms(at_ms) / self._endpoints.untried
        return max(min(most_ms, share_ms), 0.0)

    def broke(self, at_ms: float) -> None:
        """Note that the session broke off without notice."""
        self._endpoints.broke(at_ms)

    def go_away_is_new(self, at_ms: float) -> bool:
        """Whether to leave a session that announced its end. If one does so soon after another,
        leaving early would mean jumping from session to session."""
        before_ms = self._left_because_asked_ms
        if before_ms is not None and at_ms - before_ms < _GO_AWAY_AGAIN_MS:
            return False
        self._left_because_asked_ms = at_ms
        return True

    def told_too_much(self, code: int | None) -> bool:
        """Whether a fresh session was refused for its long history. If so, shorten the history."""
        smaller = _SMALLER.get(self.told_share)
        if code != _TOO_MUCH or self._used is not None or smaller is None:
            return False
        self.told_share = smaller
        return True

    def resumable(self, handle: str, at_ms: float) -> Resumption:
        """Keep the handle by which the current session can be resumed from this point."""
        self._handle = Resumption(
            handle=handle, at_ms=round(at_ms), endpoint=self._endpoints.listening
        )
        return self._handle

    @property
    def resumes(self) -> bool:
        """Whether the next session can resume this one."""
        return self._handle is not None and self._handle.endpoint == self._endpoints.name

    def next_handle(self) -> Resumption | None:
        """Return the handle to open a session with now; None for a fresh one."""
        self._used = self._handle if self.resumes else None
        return self._used

    def replace(self, at_ms: float) -> bool:
        """Prepare to replace a session. Return False if there have been too many."""
        self.outage_ms = at_ms
        self._pauses = 0
        self._endpoints.outage()
        if self._connected_ms is not None and at_ms - self._connected_ms < _QUICK_MS:
            self._handle_failed()
        too_often = len(self._made) == self._made.maxlen and at_ms - self._made[0] < 60_000
        return not too_often and self._made_in_call < _MOST_IN_A_CALL

    def failed(self, at_ms: float, code: int | None, reason: str = "") -> float | None:
        """Note that a session failed. Return how long to wait before the next; None to give up."""
        resumed = self._used is not None
        if resumed and code in _HOPELESS:
            self._handle = None
        self._handle_failed()
        if resumed and self._handle is None:
            pause_ms: float | None = 0.0  # perhaps only the handle was refused, not the endpoint
        elif self._connected_ms is not None and self.told_too_much(code):
            pause_ms = 0.0
        else:
            pause_ms = self._next_endpoint(code, reason)
        left_ms = self._left_ms(at_ms)
        if not pause_ms:
            return pause_ms if left_ms > 0 else None
        return min(pause_ms, left_ms - _LAST_TRY_MS) if left_ms >= _LAST_TRY_MS else None

    def _left_ms(self, at_ms: float) -> float:
        return self.outage_ms + _OUTAGE_MS - at_ms

    def why(self, reason: str) -> str:
        """Return why there is no session. `reason` is the last failure's."""
        return self._endpoints.why(reason)

    def _next_endpoint(self, code: int | None, reason: str) -> float | None:
        untried = self._endpoints.refused(reason, for_good=code in _HOPELESS)
        if untried is None:
            return None
        if untried:
            self.told_share = 1.0
            return 0.0
        self._pauses += 1
        return RECONNECT_MS[min(self._pauses, len(RECONNECT_MS)) - 1]

    def connected(self, at_ms: float) -> bool:
        """Note that a session is listening. Return whether the endpoint has changed."""
        if self._connected_ms is not None:
            self._made.append(at_ms)
            self._made_in_call += 1
        self._connected_ms = at_ms
        if self._used is None:
            self._handle = None
            self._quick_failures = 0
        return self._endpoints.connected()

    def session_has_seen(self, start_ms: float) -> bool:
        """Whether the current session knows of a tool call that began at `start_ms`.

        A result for a call that it doesn't know would end the session.
        """
        if self._connected_ms is None or start_ms >= round(self._connected_ms):
            return True
        return self._used is not None and start_ms < self._used.at_ms

    def _handle_failed(self) -> None:
        if self._used is None:
            return
        self._quick_failures += 1
        if self._quick_failures >= _QUICK_FAILURES:
            self._handle = None

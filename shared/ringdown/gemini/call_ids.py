"""The ids of function calls, which Gemini 2.5 on Vertex AI leaves out.

That model matches results to calls by the function's name, and refuses results with an id that it
hasn't issued (googleapis/js-genai issue 1210, livekit/agents pull request 2194). Gemini 3.8 issues
ids on either API, and drops a result without one.
"""

import uuid
from collections.abc import Iterable

_OURS = "unnamed-"


class CallIds:
    """Gives our own ids to calls that have none, and keeps them off the wire. One object per
    session."""

    def __init__(self) -> None:
        self._open: list[str] = []

    def of(self, wire_id: str | None) -> str:
        """Return the id to use for a call. Our own ids are unique across all sessions, because
        tools get them."""
        if wire_id:
            return wire_id
        ours = f"{_OURS}{uuid.uuid4().hex[:16]}"
        self._open.append(ours)
        return ours

    def answered(self, call_id: str) -> str | None:
        """Return the id that the call's result must carry; None if the call came without one."""
        if not call_id.startswith(_OURS):
            return call_id
        if call_id in self._open:
            self._open.remove(call_id)
        return None

    def cancelled(self, wire_ids: Iterable[str] | None) -> tuple[str, ...]:
        """Return the calls that are cancelled: if none is named, all those without an id."""
        named = tuple(wire_ids or ())
        if named:
            return named
        unnamed, self._open = tuple(self._open), []
        return unnamed

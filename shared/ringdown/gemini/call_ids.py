"""The ids of function calls, which Gemini 2.5 on Vertex AI leaves out.

It matches answers to calls by the function's name, and refuses answers that carry an id it has not
given (googleapis/js-genai issue 1210, livekit/agents pull request 2194). Gemini 3.8 gives ids on
either API, and drops an answer without one.
"""

import uuid
from collections.abc import Iterable

_OURS = "unnamed-"


class CallIds:
    """Gives calls without an id one of ours, and keeps ours off the wire; one for each session."""

    def __init__(self) -> None:
        self._open: list[str] = []

    def of(self, wire_id: str | None) -> str:
        """What a call is known by here: unique over all sessions, for tools are given it."""
        if wire_id:
            return wire_id
        ours = f"{_OURS}{uuid.uuid4().hex[:16]}"
        self._open.append(ours)
        return ours

    def answered(self, call_id: str) -> str | None:
        """What the answer to a call must carry; None for a call that came without an id."""
        if not call_id.startswith(_OURS):
            return call_id
        if call_id in self._open:
            self._open.remove(call_id)
        return None

    def cancelled(self, wire_ids: Iterable[str] | None) -> tuple[str, ...]:
        """Which calls a cancellation means: one that names none means all without an id."""
        named = tuple(wire_ids or ())
        if named:
            return named
        unnamed, self._open = tuple(self._open), []
        return unnamed

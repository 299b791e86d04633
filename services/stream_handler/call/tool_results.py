"""What tools have answered lately, for a session that did not hear it."""

from collections import deque

from ringdown.calls import ToolCall

_REMEMBERED = 20


class ToolResults:
    """The latest calls that were answered, and when the model last made one."""

    def __init__(self) -> None:
        self._answered: deque[ToolCall] = deque(maxlen=_REMEMBERED)
        self._called_ms: float | None = None

    def called(self, at_ms: float) -> None:
        self._called_ms = at_ms

    def add(self, call: ToolCall) -> None:
        self._answered.append(call)

    def called_since(self, from_ms: float) -> bool:
        return self._called_ms is not None and self._called_ms >= from_ms

    def since(self, from_ms: float) -> tuple[ToolCall, ...]:
        """The calls that were answered after that (records round to ms), the oldest first."""
        return tuple(c for c in self._answered if c.start_ms + c.duration_ms >= from_ms - 2)

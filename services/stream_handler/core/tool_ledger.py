"""Every tool call of the session: each is answered or cancelled exactly once."""

from collections.abc import Iterable
from dataclasses import dataclass

from ringdown.calls import ToolCall, ToolOutcome
from ringdown.tools import Json, ToolAnswer


@dataclass(frozen=True, slots=True)
class _Running:
    id: str
    name: str
    args: dict[str, Json]
    start_ms: float


class ToolLedger:
    """Which tool calls run, and which ids have been seen at all."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._running: dict[str, _Running] = {}

    @property
    def busy(self) -> bool:
        return bool(self._running)

    def begin(self, id: str, name: str, args: dict[str, Json], at_ms: float) -> bool:
        """Open the call; False for an id that was seen before."""
        if id in self._seen:
            return False
        self._seen.add(id)
        self._running[id] = _Running(id, name, args, at_ms)
        return True

    def finish(self, id: str, answer: ToolAnswer, at_ms: float) -> ToolCall | None:
        """Close the call with its answer; None if it was cancelled before, or is unknown."""
        running = self._running.pop(id, None)
        if running is None:
            return None
        outcome = ToolOutcome.ANSWERED if answer.error is None else ToolOutcome.FAILED
        return _record(running, outcome, at_ms, answer)

    def cancel(self, ids: Iterable[str], at_ms: float) -> tuple[ToolCall, ...]:
        """Close those of `ids` that still run as cancelled."""
        calls = [self._running.pop(id) for id in ids if id in self._running]
        return tuple(_record(call, ToolOutcome.CANCELLED, at_ms) for call in calls)

    def cancel_all(self, at_ms: float) -> tuple[ToolCall, ...]:
        return self.cancel(tuple(self._running), at_ms)


def _record(
    call: _Running, outcome: ToolOutcome, at_ms: float, answer: ToolAnswer | None = None
) -> ToolCall:
    error = answer.error if answer is not None else None
    return ToolCall(
        id=call.id,
        name=call.name,
        args=call.args,
        outcome=outcome,
        start_ms=round(call.start_ms),
        duration_ms=round(at_ms - call.start_ms),
        output=answer.output if answer is not None else None,
        error=error.message if error is not None else None,
    )

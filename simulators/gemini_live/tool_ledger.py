"""Tracks which tool calls are open, who waits for them, and what they returned."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulators.gemini_live.messages import FunctionCall, Scheduling, ToolResponse
from simulators.gemini_live.refusals import CloseCode, Refused, invalid
from simulators.gemini_live.replies import Outcome
from simulators.gemini_live.scenario import PlannedCall, Reply


@dataclass(slots=True)
class Batch:
    """Calls that were made together. `blocking`: the model says nothing until all are answered."""

    reply: Reply
    planned: tuple[PlannedCall, ...]
    calls: tuple[FunctionCall, ...]
    blocking: bool
    again: bool = False
    """Whether the calls were made before and cancelled."""
    responses: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    scheduling: Scheduling = Scheduling.WHEN_IDLE

    @property
    def complete(self) -> bool:
        return len(self.responses) == len(self.calls)

    @property
    def outcomes(self) -> list[Outcome]:
        return [Outcome(call.name, self.responses[call.call_id]) for call in self.calls]


class ToolLedger:
    def __init__(self) -> None:
        self._open: dict[str, Batch] = {}
        self._cancelled: set[str] = set()
        self._answered: set[str] = set()

    def __bool__(self) -> bool:
        """Whether any call waits for its response."""
        return bool(self._open)

    def add(self, batch: Batch) -> None:
        self._open.update({call.call_id: batch for call in batch.calls})

    def cancel(self, batch: Batch) -> tuple[str, ...]:
        """Forget the batch's open calls and return their ids; late responses will be ignored."""
        ids = tuple(call.call_id for call in batch.calls if call.call_id in self._open)
        for call_id in ids:
            del self._open[call_id]
        self._cancelled.update(ids)
        return ids

    def answer(self, response: ToolResponse) -> Batch | None:
        """Note a response; returns the batch it completes, if any. Refuses unknown calls."""
        call_id = self._identify(response)
        if call_id in self._cancelled:
            return None
        batch = self._open[call_id]
        if response.will_continue:
            return None
        del self._open[call_id]
        self._answered.add(call_id)
        batch.responses[call_id] = response.response
        batch.scheduling = response.scheduling or batch.scheduling
        return batch if batch.complete else None

    def _identify(self, response: ToolResponse) -> str:
        """Return the call's id. Vertex AI's clients send none, so their calls are found by name."""
        if response.call_id in self._open or response.call_id in self._cancelled:
            return response.call_id
        if response.call_id in self._answered:
            raise invalid(f"Function call {response.call_id} has been answered already.")
        for call_id, batch in self._open.items():
            names = [call.name for call in batch.calls if call.call_id == call_id]
            if not response.call_id and response.name in names:
                return call_id
        raise Refused(CloseCode.POLICY, "Requested entity was not found.")

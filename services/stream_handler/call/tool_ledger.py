"""Every tool call of the session: each is answered or cancelled exactly once.

A *run* is one request to a tool. A model may ask for the same thing twice, at once or as soon as it
has the answer; calls of the same tool with the same arguments and typed digits share one run, and
its answer, until the caller speaks or types again. The latest results are kept for a session of the
model that did not hear them.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from ringdown.calls import ToolCall, ToolOutcome
from ringdown.tools import Json, ToolAnswer, ToolRequest, Waiting

_MOST_ANSWERS = 32  # that are kept for calls made again
_MOST_RESULTS = 20  # that are kept for another session


@dataclass(frozen=True, slots=True)
class _Open:
    id: str
    name: str
    args: dict[str, Json]
    start_ms: float


@dataclass(frozen=True, slots=True)
class _Run:
    request: ToolRequest
    waiting: Waiting
    waited_for_by: list[str] = field(default_factory=list)


class ToolLedger:
    """Which tool calls are open, which runs they wait for, and which ids have been seen at all."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._open: dict[str, _Open] = {}
        self._runs: dict[str, _Run] = {}
        """By the id of the call that began the run."""
        self._answers: deque[tuple[ToolRequest, ToolAnswer]] = deque(maxlen=_MOST_ANSWERS)
        self._results: deque[ToolCall] = deque(maxlen=_MOST_RESULTS)
        self._called_ms: float | None = None
        """When the model last called anything."""

    @property
    def busy(self) -> bool:
        return bool(self._open)

    @property
    def runs(self) -> int:
        """How many requests are under way."""
        return len(self._runs)

    @property
    def waiting(self) -> frozenset[Waiting]:
        """What the tools that run say a waiting caller should get."""
        return frozenset(run.waiting for run in self._runs.values())

    def begin(self, id: str, name: str, args: dict[str, Json], at_ms: float) -> bool:
        """Open the call; False for an id that was seen before."""
        self._called_ms = at_ms
        if id in self._seen:
            return False
        self._seen.add(id)
        self._open[id] = _Open(id, name, args, at_ms)
        return True

    def finish(self, id: str, answer: ToolAnswer, at_ms: float) -> ToolCall | None:
        """Close the call with its answer; None if it was cancelled before, or is unknown."""
        call = self._open.pop(id, None)
        if call is None:
            return None
        outcome = ToolOutcome.ANSWERED if answer.error is None else ToolOutcome.FAILED
        record = _record(call, outcome, at_ms, answer)
        self._results.append(record)
        return record

    def cancel(self, ids: Iterable[str], at_ms: float) -> tuple[ToolCall, ...]:
        """Close those of `ids` that are open as cancelled. Their runs go on: see `abandoned`."""
        calls = [self._open.pop(id) for id in ids if id in self._open]
        return tuple(_record(call, ToolOutcome.CANCELLED, at_ms) for call in calls)

    def cancel_all(self, at_ms: float) -> tuple[ToolCall, ...]:
        return self.cancel(tuple(self._open), at_ms)

    def called_since(self, from_ms: float) -> bool:
        return self._called_ms is not None and self._called_ms >= from_ms

    def results_since(self, from_ms: float) -> tuple[ToolCall, ...]:
        """The calls that were answered after that (records round to ms), the oldest first."""
        return tuple(c for c in self._results if c.start_ms + c.duration_ms >= from_ms - 2)

    # Runs

    def run(self, id: str, request: ToolRequest, waiting: Waiting) -> None:
        """The open call `id` begins a run."""
        self._runs[id] = _Run(request, waiting, [id])

    def join(self, id: str, request: ToolRequest) -> bool:
        """Whether the same request is under way; then the open call `id` waits for its answer."""
        for run in self._runs.values():
            if _same(run.request, request):
                run.waited_for_by.append(id)
                return True
        return False

    def answer_to(self, request: ToolRequest) -> ToolAnswer | None:
        """What the same request was answered since the caller last spoke or typed."""
        return next((answer for before, answer in self._answers if _same(before, request)), None)

    def run_finished(self, id: str, answer: ToolAnswer) -> tuple[str, ...]:
        """The run that call `id` began has its answer; the calls to be answered with it."""
        run = self._runs.pop(id, None)
        if run is None:
            return ()
        # What may go better next time may be tried again.
        if answer.error is None or not answer.error.retryable:
            self._answers.append((run.request, answer))
        return tuple(run.waited_for_by)

    def abandoned(self) -> tuple[str, ...]:
        """Runs for which no open call waits any more; they are forgotten, and to be aborted."""
        idle = [
            id for id, run in self._runs.items() if self._open.keys().isdisjoint(run.waited_for_by)
        ]
        for id in idle:
            del self._runs[id]
        return tuple(idle)

    def caller_acted(self) -> None:
        """From now on the same request may have another answer."""
        self._answers.clear()


def _same(one: ToolRequest, other: ToolRequest) -> bool:
    return (one.name, one.args, one.digits) == (other.name, other.args, other.digits)


def _record(
    call: _Open, outcome: ToolOutcome, at_ms: float, answer: ToolAnswer | None = None
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

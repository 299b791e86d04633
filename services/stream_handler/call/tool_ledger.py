"""Every tool call of a session: each call is answered or cancelled once, each order placed once.

An *order* is something to be done: a tool, its arguments and the typed digits. Models repeat
requests: immediately, after they have the result, under a new id after an interruption, in another
session. All these calls are one order with one idempotency key. A new order begins only when, after
the result, the agent has spoken and then the caller has spoken or typed. Identical calls in one
message are separate orders too.

A *run* is one request to a tool. Nothing cancels it. Calls for an order that is running join its
run, and until the caller speaks or types, its result answers later ones too. The latest results are
kept for a model session that didn't hear them.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from ringdown.calls import ToolCall, ToolOutcome
from ringdown.tools import Json, ToolAnswer, Waiting
from ringdown.tools.request import order_key

_MOST_ANSWERS = 32  # kept for repeated calls
_MOST_RESULTS = 20  # kept for another session


@dataclass(slots=True, eq=False)
class Order:
    """Something to be done once, however often it is requested."""

    key: str
    number: int
    """Its number among the phone call's identical orders; its key ends in it."""
    digits: dict[str, str] = field(default_factory=dict)
    told_ms: float | None = None
    """When the model was given a final result."""
    over: bool = False
    """Whether an identical tool call would be a new order."""


@dataclass(slots=True, eq=False)
class _Call:
    id: str
    name: str
    args: dict[str, Json]
    start_ms: float
    order: Order | None = None
    """None for a built-in function, or a refused call."""


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    order: Order
    waiting: Waiting
    calls: list[_Call]


class Settled(NamedTuple):
    """A call whose run has ended; `awaited` unless the model has cancelled it."""

    record: ToolCall
    awaited: bool


class ToolLedger:
    """Tracks which tool calls are open, which runs they wait for, and what has been ordered."""

    def __init__(
        self, call_sid: str, earlier: Iterable[ToolCall] = (), agent_spoke_ms: float = 0.0
    ) -> None:
        """`earlier` are the calls of earlier streams, in which the agent last spoke at
        `agent_spoke_ms`."""
        self._call_sid = call_sid
        self._seen: dict[str, Order | None] = {}
        """The order that each call so far is for, by call id."""
        self._open: dict[str, _Call] = {}
        self._runs: dict[str, _Run] = {}
        """Runs by the id of the call that began them."""
        self._orders: dict[str, list[Order]] = {}
        """Orders by key, without the number."""
        self._answers: deque[tuple[Order, ToolAnswer]] = deque(maxlen=_MOST_ANSWERS)
        self._results: deque[ToolCall] = deque(maxlen=_MOST_RESULTS)
        self._agent_spoke_ms = agent_spoke_ms
        self._called_ms: float | None = None
        """When the model last called anything."""
        for call in earlier:
            self._remember(call)

    @property
    def busy(self) -> bool:
        return bool(self._open)

    @property
    def runs(self) -> int:
        """How many requests are under way."""
        return len(self._runs)

    @property
    def waiting(self) -> frozenset[Waiting]:
        """What a waiting caller should hear, according to the tools the model waits for."""
        return frozenset(run.waiting for run in self._runs.values() if self._is_awaited(run))

    def begin(self, id: str, name: str, args: dict[str, Json], at_ms: float) -> bool:
        """Open the call; False if the id was seen before."""
        self._called_ms = at_ms
        if id in self._seen:
            return False
        self._seen[id] = None
        self._open[id] = _Call(id, name, args, at_ms)
        return True

    def finish(self, id: str, answer: ToolAnswer, at_ms: float) -> ToolCall | None:
        """Close a call that needs no run; None if it was already cancelled, or is unknown."""
        call = self._open.pop(id, None)
        return None if call is None else self._settle(call, _outcome(answer), answer, at_ms)

    def cancel(self, ids: Iterable[str], at_ms: float) -> tuple[ToolCall, ...]:
        """Cancel calls whose results the model no longer wants; return those never carried out.

        A run that others wait for continues. A result already given counts as unheard.
        """
        cancelled = []
        for id in ids:
            order = self._seen.get(id)
            if order is not None:
                order.told_ms, order.over = None, False
            call = self._open.pop(id, None)
            if call is not None and order is None:
                cancelled.append(_record(call, ToolOutcome.CANCELLED, at_ms))
        return tuple(cancelled)

    def cancel_all(self, at_ms: float) -> tuple[ToolCall, ...]:
        return self.cancel(tuple(self._open), at_ms)

    def called_since(self, from_ms: float) -> bool:
        return self._called_ms is not None and self._called_ms >= from_ms

    def results_since(self, from_ms: float) -> tuple[ToolCall, ...]:
        """The calls settled since then (records round to ms), oldest first."""
        return tuple(c for c in self._results if c.start_ms + c.duration_ms >= from_ms - 2)

    # Orders and runs

    def order(self, id: str, digits: dict[str, str], twin: int) -> Order:
        """Return the order that the open call `id` is for.

        `twin` is how many identical calls came before it in the same message.
        """
        call = self._open[id]
        wish = order_key(self._call_sid, call.name, call.args)
        placed = self._orders.setdefault(wish, [])
        current = [order for order in placed if not order.over and order.digits == digits]
        if twin < len(current):
            call.order = current[twin]
        else:
            number = 1 + max((order.number for order in placed), default=0)
            call.order = Order(f"{wish}/{number}", number, digits)
            placed.append(call.order)
        self._seen[id] = call.order
        return call.order

    def run(self, id: str, order: Order, waiting: Waiting) -> None:
        """Begin a run for the open call `id`."""
        self._runs[id] = _Run(order, waiting, [self._open[id]])

    def join(self, id: str, order: Order) -> bool:
        """Have the open call `id` wait for the order's result; False if it isn't running."""
        for run in self._runs.values():
            if run.order is order:
                run.calls.append(self._open[id])
                return True
        return False

    def begun(self, id: str, at_ms: float) -> ToolCall:
        """Return the record of an open call that waits for a run."""
        return _record(self._open[id], ToolOutcome.UNKNOWN, at_ms)

    def answer_to(self, order: Order) -> ToolAnswer | None:
        """The order's result, if the caller hasn't spoken or typed since it came."""
        return next((answer for before, answer in self._answers if before is order), None)

    def run_finished(
        self, id: str, answer: ToolAnswer, at_ms: float, *, certain: bool
    ) -> tuple[Settled, ...]:
        """Close the run that call `id` began; return the calls that this settles."""
        run = self._runs.pop(id, None)
        if run is None:
            return ()
        # Retry what may succeed next time.
        if certain and (answer.error is None or not answer.error.retryable):
            self._answers.append((run.order, answer))
        outcome = _outcome(answer) if certain else ToolOutcome.UNKNOWN
        settled = []
        for call in run.calls:
            awaited = self._open.pop(call.id, None) is not None
            record = self._settle(call, outcome, answer, at_ms, awaited=awaited)
            settled.append(Settled(record, awaited))
        return tuple(settled)

    def caller_acted(self, agent_spoke_ms: float) -> None:
        """The caller acted: the same request may now have another result and be a new order."""
        self._answers.clear()
        self._agent_spoke_ms = max(self._agent_spoke_ms, agent_spoke_ms)
        for order in chain.from_iterable(self._orders.values()):
            if order.told_ms is not None and order.told_ms <= self._agent_spoke_ms:
                order.over = True

    def _is_awaited(self, run: _Run) -> bool:
        return any(call.id in self._open for call in run.calls)

    def _settle(
        self,
        call: _Call,
        outcome: ToolOutcome,
        answer: ToolAnswer,
        at_ms: float,
        *,
        awaited: bool = True,
    ) -> ToolCall:
        record = _record(call, outcome, at_ms, answer)
        self._results.append(record)
        may_change = outcome is ToolOutcome.UNKNOWN or (answer.error and answer.error.retryable)
        if call.order is not None and awaited and not may_change:
            call.order.told_ms = at_ms
        return record

    def _remember(self, call: ToolCall) -> None:
        """Take in a call of an earlier stream: the model may request the same thing again."""
        if call.idempotency_key is None:
            return
        self._results.append(call)
        wish, _, number = call.idempotency_key.rpartition("/")
        placed = self._orders.setdefault(wish, [])
        order = next((o for o in placed if o.key == call.idempotency_key), None)
        if order is None:
            order = Order(call.idempotency_key, int(number))
            placed.append(order)
        if call.outcome is not ToolOutcome.UNKNOWN:
            order.told_ms = call.start_ms + call.duration_ms


def _outcome(answer: ToolAnswer) -> ToolOutcome:
    return ToolOutcome.ANSWERED if answer.error is None else ToolOutcome.FAILED


def _record(
    call: _Call, outcome: ToolOutcome, at_ms: float, answer: ToolAnswer | None = None
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
        idempotency_key=call.order.key if call.order is not None else None,
    )

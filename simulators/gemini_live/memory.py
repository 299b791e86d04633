"""What a session knows, and what a resumption handle brings back."""

from dataclasses import dataclass, field, replace

from simulators.gemini_live.messages import HistoryTurn
from simulators.gemini_live.usage import Meter


@dataclass(frozen=True, slots=True)
class Memory:
    """`answered` names the scenario's turns that have been answered, "greeting" among them."""

    answered: frozenset[str] = frozenset()
    history: tuple[HistoryTurn, ...] = ()
    meter: Meter = field(default=Meter())

    def with_answer(self, turn: str) -> "Memory":
        return replace(self, answered=self.answered | {turn})

    def with_meter(self, meter: Meter) -> "Memory":
        return replace(self, meter=meter)

    def with_turn(self, role: str, text: str) -> "Memory":
        return replace(self, history=(*self.history, HistoryTurn(role, text)))


@dataclass(frozen=True, slots=True)
class Resumable:
    """What stands behind a handle. `session` is the number of the session that got it."""

    memory: Memory
    model: str
    session: int

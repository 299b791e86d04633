"""A fault, and what calls notice of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.faults.world import World


@dataclass(frozen=True, slots=True)
class Seen:
    """What one call noticed of a fault; `problem` says what didn't happen as decided."""

    problem: str | None = None
    silence_ms: int | None = None
    """The longest silence the caller heard while something was expected."""
    reconnect_ms: int | None = None
    """The longest time without a model session that was listening."""


Inject = Callable[[World, int], Awaitable[list[Seen]]]


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    outcome: str
    """What should happen, and what is lost."""
    inject: Inject
    """Inject the fault that many times, and return what was seen each time."""
    handlers: int = 1
    most_silence_ms: int | None = None
    most_reconnect_ms: int | None = None

    def problems(self, seen: list[Seen]) -> list[str]:
        """Describe everything that didn't happen as decided, one line each."""
        found = [each.problem for each in seen if each.problem is not None]
        silences = [each.silence_ms for each in seen if each.silence_ms is not None]
        if self.most_silence_ms is not None and max(silences, default=0) > self.most_silence_ms:
            found.append(f"{max(silences)} ms of silence, more than {self.most_silence_ms}")
        without = [each.reconnect_ms for each in seen if each.reconnect_ms is not None]
        if self.most_reconnect_ms is not None and max(without, default=0) > self.most_reconnect_ms:
            found.append(f"{max(without)} ms without a model, more than {self.most_reconnect_ms}")
        return found

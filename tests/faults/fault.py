"""What a fault is, and what is seen of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.faults.world import World


@dataclass(frozen=True, slots=True)
class Seen:
    """What one call had of a fault; `problem` says what was not as decided."""

    problem: str | None = None
    silence_ms: int | None = None
    """The longest that the caller heard nothing while something was due."""
    reconnect_ms: int | None = None
    """The longest that no session of the model listened."""


Inject = Callable[[World, int], Awaitable[list[Seen]]]


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    outcome: str
    """What is decided to happen, and what is lost."""
    inject: Inject
    """Injects it `times` times, and returns what was seen each time."""
    handlers: int = 1
    most_silence_ms: int | None = None
    most_reconnect_ms: int | None = None

    def problems(self, seen: list[Seen]) -> list[str]:
        """All that was not as decided; each is a line."""
        found = [each.problem for each in seen if each.problem is not None]
        silences = [each.silence_ms for each in seen if each.silence_ms is not None]
        if self.most_silence_ms is not None and max(silences, default=0) > self.most_silence_ms:
            found.append(f"{max(silences)} ms of silence, more than {self.most_silence_ms}")
        without = [each.reconnect_ms for each in seen if each.reconnect_ms is not None]
        if self.most_reconnect_ms is not None and max(without, default=0) > self.most_reconnect_ms:
            found.append(f"{max(without)} ms without a model, more than {self.most_reconnect_ms}")
        return found

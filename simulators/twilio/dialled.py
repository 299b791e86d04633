"""The people at the other end of `<Dial>`, and what they do when it rings."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answers:
    """Picks up after `after_s`, says a sentence, and hangs up `stays_s` later.

    With `stays_s` None, they stay on the line until the caller hangs up. If the `<Dial>` plays
    them a message first (`<Number url>`), they press the keys in `presses`, the first one
    `presses_after_s` after picking up; a key that comes too late is lost.
    """

    says: str
    after_s: float = 1.0
    stays_s: float | None = 0.5
    presses: str = ""
    presses_after_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Picks up like a person, presses nothing, greets, beeps, and records for `records_s`."""

    greeting: str
    after_s: float = 1.0
    records_s: float = 10.0


@dataclass(frozen=True, slots=True)
class IsBusy:
    """The line is busy, or the person declines the call after a few rings."""

    after_s: float = 0.5


@dataclass(frozen=True, slots=True)
class DoesNotAnswer:
    """Rings until the timeout of the `<Dial>`."""


@dataclass(frozen=True, slots=True)
class CannotBeReached:
    """The network can't reach this number."""


DialledParty = Answers | Mailbox | IsBusy | DoesNotAnswer | CannotBeReached

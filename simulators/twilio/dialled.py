"""The people at the other end of `<Dial>`, and what they do when it rings."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answers:
    """Picks up after `after_s`, says a sentence, and hangs up `stays_s` after it.

    `stays_s` None: stays on the line until the caller hangs up.
    """

    says: str
    after_s: float = 1.0
    stays_s: float | None = 0.5


@dataclass(frozen=True, slots=True)
class IsBusy:
    after_s: float = 0.5


@dataclass(frozen=True, slots=True)
class DoesNotAnswer:
    """Rings until the timeout of the `<Dial>`."""


@dataclass(frozen=True, slots=True)
class CannotBeReached:
    """The network has no way to this number."""


DialledParty = Answers | IsBusy | DoesNotAnswer | CannotBeReached

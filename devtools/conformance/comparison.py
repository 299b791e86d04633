"""Is the real peer as the stand-in is? Pure."""

from dataclasses import dataclass

from devtools.conformance.outcomes import Facts, NotObserved, Observed, Outcome


@dataclass(frozen=True, slots=True)
class Same:
    pass


@dataclass(frozen=True, slots=True)
class Differs:
    """Only the facts that are not the same; a fact that one side lacks is empty there."""

    real: Facts
    stand_in: Facts
    note: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """One of the two could not be observed."""

    why: str


@dataclass(frozen=True, slots=True)
class NotTried:
    """No key was given yet, or the behaviour is newer than the last run with one."""


Verdict = Same | Differs | Unknown | NotTried


def compare(stand_in: Outcome | None, real: Outcome | None) -> Verdict:
    if real is None:
        return NotTried()
    if isinstance(real, NotObserved):
        return Unknown(real.why)
    if not isinstance(stand_in, Observed):
        return Unknown("the stand-in could not be observed")
    ours, theirs = stand_in.facts, real.facts
    names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    if not names:
        return Same()
    return Differs(
        real={name: theirs.get(name, "") for name in names},
        stand_in={name: ours.get(name, "") for name in names},
        note=real.note,
    )

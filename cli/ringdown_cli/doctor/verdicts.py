"""What a check found, and what to do about it."""

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """The value is for scripts."""

    GOOD = "good"
    LIMITED = "limited"
    """It works, but not for everything."""
    WRONG = "wrong"
    UNTRIED = "untried"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`advice` says what to do, whenever there is something to do."""

    state: State
    finding: str
    advice: str = ""


def good(finding: str) -> Verdict:
    return Verdict(State.GOOD, finding)


def limited(finding: str, advice: str) -> Verdict:
    return Verdict(State.LIMITED, finding, advice)


def wrong(finding: str, advice: str) -> Verdict:
    return Verdict(State.WRONG, finding, advice)


def untried(finding: str, advice: str = "") -> Verdict:
    return Verdict(State.UNTRIED, finding, advice)

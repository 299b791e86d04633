"""What a check found, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """How a check went. Scripts see the values in `--json` output."""

    GOOD = "good"
    LIMITED = "limited"
    """It works, but not for everything."""
    WRONG = "wrong"
    UNTRIED = "untried"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`advice` says what to do, if anything."""

    state: State
    finding: str
    advice: str = ""


_BY_GRAVITY = (State.GOOD, State.UNTRIED, State.LIMITED, State.WRONG)


def of_several(verdicts: Mapping[str, Verdict]) -> Verdict:
    """Combine named verdicts into one, which is as bad as the worst of them."""
    if len(verdicts) == 1:
        return next(iter(verdicts.values()))
    state = max((verdict.state for verdict in verdicts.values()), key=_BY_GRAVITY.index)
    findings = (f"{name}: {verdict.finding}" for name, verdict in verdicts.items())
    advice = (f"{name}: {v.advice}" for name, v in verdicts.items() if v.advice)
    return Verdict(state, "; ".join(findings), " ".join(advice))


def good(finding: str) -> Verdict:
    return Verdict(State.GOOD, finding)


def limited(finding: str, advice: str) -> Verdict:
    return Verdict(State.LIMITED, finding, advice)


def wrong(finding: str, advice: str) -> Verdict:
    return Verdict(State.WRONG, finding, advice)


def untried(finding: str, advice: str = "") -> Verdict:
    return Verdict(State.UNTRIED, finding, advice)

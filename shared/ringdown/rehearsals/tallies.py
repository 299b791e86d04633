"""Counts a persona's calls, and says how certain the share that passed is. Pure."""

import math
from collections.abc import Collection, Sequence

from ringdown.calls.evidence import one_line
from ringdown.rehearsals import PersonaRun, Tally, VerdictKind
from ringdown.wording import count

FACTS: frozenset[VerdictKind] = frozenset({"tools", "forbidden", "outcome", "heard"})
_MOST_FAILING = 10
_LONGEST_FAILING = 200
"""A rehearsal's document has such texts for each persona, and Firestore accepts 1 MiB."""
_Z = 1.959964
"""The standard score for 95 % confidence."""


def tally(persona: str, planned: int, runs: Sequence[PersonaRun]) -> Tally:
    """Count `runs`, those of the persona's `planned` calls that were made."""
    passed = [run.passed for run in runs]
    return Tally(
        persona=persona,
        planned=planned,
        made=sum(each is not None for each in passed),
        passed=sum(each is True for each in passed),
        failing=_failing(runs, FACTS),
        troubled=_failing(runs, {"call"}),
    )


def _failing(runs: Sequence[PersonaRun], kinds: Collection[VerdictKind]) -> tuple[str, ...]:
    failed = (
        one_line(verdict.what, _LONGEST_FAILING)
        for run in runs
        for verdict in run.verdicts
        if run.partial is None and verdict.kind in kinds and verdict.passed is False
    )
    return tuple(dict.fromkeys(failed))[:_MOST_FAILING]


def interval(passed: int, made: int) -> tuple[float, float]:
    """Return the interval that contains the true share with 95 % certainty; 0 to 1 without calls.

    Wilson's score interval (Journal of the American Statistical Association 22, 1927), which
    Brown, Cai and DasGupta recommend for few trials (Statistical Science 16, 2001).
    """
    if made == 0:
        return 0.0, 1.0
    share, z2 = passed / made, _Z**2
    centre = (share + z2 / (2 * made)) / (1 + z2 / made)
    spread = math.sqrt(share * (1 - share) / made + z2 / (4 * made**2)) * _Z / (1 + z2 / made)
    low = 0.0 if passed == 0 else centre - spread
    return low, 1.0 if passed == made else centre + spread


def of_calls(passed: int, made: int) -> str:
    """Say how many calls passed, with the interval: `54 of 60 calls passed (80–95 %)`."""
    if made == 0:
        return "no call was made"
    low, high = interval(passed, made)
    return f"{passed} of {count(made, 'call')} passed ({100 * low:.0f}–{100 * high:.0f} %)"

"""Pass rates and their confidence intervals."""

import math

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from ringdown.rehearsals import Verdict, VerdictKind
from ringdown.rehearsals.tallies import interval, of_calls, tally
from tests.ringdown.rehearsals.samples import a_run


def failing(kind: VerdictKind, what: str) -> Verdict:
    return Verdict(kind=kind, passed=False, what=what)


def test_calls_are_counted_and_what_failed_is_named_once() -> None:
    good = replace(a_run(), verdicts=(Verdict(kind="heard", passed=True, what="Fine."),))
    wrong = replace(good, verdicts=(failing("heard", "The price."), failing("tools", "A tool.")))
    slow = replace(good, verdicts=(failing("call", "Fast."), failing("heard", "The price.")))
    disliked = replace(good, verdicts=(failing("judge", "Kind."),))
    partial = replace(good, partial="429", verdicts=(failing("heard", "Half."),))

    counted = tally("dana", 6, [good, wrong, slow, disliked, partial])

    assert (counted.planned, counted.made, counted.passed) == (6, 4, 2)
    assert counted.failing == ("The price.", "A tool.")
    assert counted.troubled == ("Fast.",)


def test_what_failed_is_bounded() -> None:
    run = replace(a_run(), verdicts=tuple(failing("heard", f"{n}" * 500) for n in range(50)))
    failed = tally("dana", 1, [run]).failing
    assert len(failed) == 10
    assert {len(what) for what in failed} == {200}


# Wilson's interval


@pytest.mark.parametrize(
    ("passed", "made", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (9, 10, 0.5958, 0.9821),
        (54, 60, 0.7985, 0.9534),
        (1, 1, 0.2065, 1.0),
    ],
)
def test_it_is_wilsons(passed: int, made: int, low: float, high: float) -> None:
    """Expect what R's `prop.test(passed, made, correct = FALSE)` returns."""
    assert interval(passed, made) == pytest.approx((low, high), abs=5e-4)


def test_of_no_calls_nothing_is_known() -> None:
    assert interval(0, 0) == (0.0, 1.0)
    assert of_calls(0, 0) == "no call was made"


def test_it_is_worded_with_its_interval() -> None:
    assert of_calls(54, 60) == "54 of 60 calls passed (80–95 %)"
    assert of_calls(1, 1) == "1 of 1 call passed (21–100 %)"


@given(st.integers(1, 500).flatmap(lambda made: st.tuples(st.integers(0, made), st.just(made))))
def test_it_holds_the_share_and_bounds_the_shares_that_are_two_deviations_away(
    counted: tuple[int, int],
) -> None:
    """Each bound is exactly 1.96 of its standard deviations away from the observed share."""
    passed, made = counted
    low, high = interval(passed, made)
    assert 0 <= low <= passed / made <= high <= 1
    for bound in (low, high):
        if 0 < bound < 1:
            deviation = math.sqrt(bound * (1 - bound) / made)
            assert abs(passed / made - bound) / deviation == pytest.approx(1.96, abs=1e-3)

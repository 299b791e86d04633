import pytest

from ringdown.calls.limits import LineLimits, LineUse, verdict

LIMITS = LineLimits(
    calls_per_caller_per_hour=10,
    calls_at_once=10,
    calls_per_hour=10,
    minutes_per_day=10.0,
    usd_per_day=10.0,
)


def test_a_quiet_line_is_open() -> None:
    judged = verdict(LIMITS, LineUse())

    assert (judged.reached, judged.near) == ((), ())


@pytest.mark.parametrize("name", LineLimits.__struct_fields__)
def test_every_limit_is_near_at_four_fifths_and_reached_at_the_whole(name: str) -> None:
    assert verdict(LIMITS, LineUse(**{name: 7})) == verdict(LIMITS, LineUse())
    assert verdict(LIMITS, LineUse(**{name: 8})).near == (name,)
    assert verdict(LIMITS, LineUse(**{name: 9})).near == (name,)
    assert verdict(LIMITS, LineUse(**{name: 10})).reached == (name,)
    assert verdict(LIMITS, LineUse(**{name: 11})).near == ()


@pytest.mark.parametrize("name", LineLimits.__struct_fields__)
def test_no_limit_is_never_reached(name: str) -> None:
    limits = LineLimits(**{**dict.fromkeys(LineLimits.__struct_fields__, 10), name: None})

    assert verdict(limits, LineUse(**{name: 1_000_000})).reached == ()


def test_a_caller_over_their_limit_does_not_fill_the_line() -> None:
    judged = verdict(LIMITS, LineUse(calls_per_caller_per_hour=10))

    assert judged.caller_is_over
    assert not judged.line_is_full


def test_the_lines_own_limits_fill_it() -> None:
    judged = verdict(LIMITS, LineUse(usd_per_day=10.5))

    assert judged.line_is_full
    assert not judged.caller_is_over

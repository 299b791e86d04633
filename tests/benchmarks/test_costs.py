"""The sums behind docs/costs.md."""

import pytest

from benchmarks import costs
from benchmarks.costs import Talk, instance_minutes, month_usd, page, tokens_of_call
from tests.terraform.stand_in import ROOT


def test_every_turn_bills_the_whole_context_again() -> None:
    """Two exchanges of ten seconds in, nothing out: 1,500 + 250, then 1,500 + 500."""
    talk = Talk(caller_s=10, agent_s=0, silence_s=0)
    assert tokens_of_call(20, talk) == (1_750 + 2_000, 0)


def test_what_the_model_says_is_billed_as_spoken_and_then_heard_again() -> None:
    talk = Talk(caller_s=10, agent_s=10, silence_s=0)
    first, second = 1_500 + 500, 1_500 + 500 + 250 + 500
    assert tokens_of_call(40, talk) == (first + second, 2 * 250)


def test_compression_bounds_the_cost_of_a_minute() -> None:
    half_hour, hour = (tokens_of_call(60 * minutes)[0] for minutes in (30, 60))
    assert hour == pytest.approx(2 * half_hour, rel=0.1)
    assert tokens_of_call(3_600, compressed=False)[0] > 3 * hour


def test_a_month_without_calls_costs_the_number() -> None:
    assert sum(month_usd(0).values()) == costs.TWILIO_NUMBER.usd


@pytest.mark.parametrize(
    ("minutes", "instances"),
    [
        (0, 0),
        (3, 3 + 15),
        (100_000, 30 * 24 * 60),
        (1_000_000, 200_000),
    ],
)
def test_an_instance_is_billed_while_it_waits_for_calls(minutes: int, instances: int) -> None:
    assert instance_minutes(minutes) == pytest.approx(instances)


def test_the_page_is_what_the_sums_say() -> None:
    written = (ROOT / "docs" / "costs.md").read_text("utf-8")
    assert written == page(), "run python -m benchmarks.costs"

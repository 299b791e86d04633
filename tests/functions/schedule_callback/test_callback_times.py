"""Works out which moment a caller means, by the agent's clock."""

import datetime

import msgspec
import pytest

from callback_scheduling.callback_times import CannotCallThen, chosen_time, spoken
from ringdown.agents import Agent
from tests.ringdown.samples import an_agent


def in_zone(zone: str | None) -> Agent:
    return msgspec.structs.replace(an_agent(), time_zone=zone)


BERLIN = in_zone("Europe/Berlin")
DAY_BEFORE = "2026-10-24T12:00+00:00"


def chosen(text: str, *, now: str, agent: Agent = BERLIN) -> datetime.datetime:
    return chosen_time(text, agent, datetime.datetime.fromisoformat(now))


@pytest.mark.parametrize(
    ("text", "now", "at"),
    [
        ("2026-10-25T02:30", DAY_BEFORE, "2026-10-25T02:30+02:00"),
        ("2026-10-25T02:30+01:00", DAY_BEFORE, "2026-10-25T02:30+01:00"),
        ("2026-10-25T02:30", "2026-10-25T02:10+02:00", "2026-10-25T02:30+02:00"),
        ("2026-10-25T02:30", "2026-10-25T02:40+02:00", "2026-10-25T02:30+01:00"),
        ("2026-10-25T02:30", "2026-10-25T02:05+01:00", "2026-10-25T02:30+01:00"),
        ("2026-10-25T03:30", "2026-10-25T02:05+01:00", "2026-10-25T03:30+01:00"),
    ],
)
def test_a_time_that_comes_twice_is_the_first_still_to_come(text: str, now: str, at: str) -> None:
    assert chosen(text, now=now).isoformat() == f"{at[:16]}:00{at[16:]}"


@pytest.mark.parametrize(
    ("text", "now"),
    [
        ("2026-10-25T02:30", "2026-10-25T02:28+02:00"),
        ("2026-10-25T02:30", "2026-10-25T02:28+01:00"),
        ("2026-10-25T02:30", "2026-10-25T02:31+01:00"),
        ("2026-10-25T02:30+02:00", "2026-10-25T02:05+01:00"),
        ("2026-10-25T01:59", "2026-10-25T02:05+01:00"),
    ],
)
def test_what_is_over_or_nearly_now_is_too_soon(text: str, now: str) -> None:
    with pytest.raises(CannotCallThen, match="too soon"):
        chosen(text, now=now)


def test_a_time_that_the_clocks_skip_is_refused() -> None:
    with pytest.raises(CannotCallThen, match="put forward"):
        chosen("2026-03-29T02:30", now="2026-03-28T12:00+00:00")


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_without_a_zone_it_is_utc(zone: str | None) -> None:
    at = chosen("2026-10-25T02:30", now=DAY_BEFORE, agent=in_zone(zone))
    assert at.isoformat() == "2026-10-25T02:30:00+00:00"
    assert spoken(at) == "Sunday, October 25, at 2:30 AM"


def test_the_spoken_time_says_which_of_the_two_it_is() -> None:
    times = [f"2026-10-25T{clock}" for clock in ("02:30+02:00", "02:30+01:00", "03:00+01:00")]
    assert [spoken(chosen(time, now=DAY_BEFORE)) for time in times] == [
        "Sunday, October 25, at 2:30 AM (UTC+02:00)",
        "Sunday, October 25, at 2:30 AM (UTC+01:00)",
        "Sunday, October 25, at 3 AM",
    ]

import datetime

import msgspec
import pytest

from ringdown.agents import Agent
from ringdown.agents.opening_hours import OpeningHours
from ringdown.agents.template_values import clock_in_words, is_business_open, template_values
from ringdown.agents.templates import FIELDS
from ringdown.calls import Call
from tests.ringdown.samples import CALLED, CALLER, NOW, WITHHELD, a_call, an_agent

AN_HOUR_MS = 3_600_000.0


def a_call_of(agent: Agent, **fields: object) -> Call:
    return msgspec.structs.replace(a_call(agent=agent), **fields)


def in_zone(zone: str, **fields: object) -> Agent:
    return msgspec.structs.replace(an_agent(), time_zone=zone, **fields)


def test_every_field_has_a_value() -> None:
    assert template_values(a_call(), 0.0).keys() == FIELDS.keys()


@pytest.mark.parametrize(
    ("zone", "time", "date", "weekday"),
    [
        ("UTC", "09:30", "2026-11-02", "Monday"),
        ("America/Los_Angeles", "01:30", "2026-11-02", "Monday"),
        ("Pacific/Honolulu", "23:30", "2026-11-01", "Sunday"),
        ("Asia/Kolkata", "15:00", "2026-11-02", "Monday"),
        ("No/Longer_Known", "09:30", "2026-11-02", "Monday"),
    ],
)
def test_the_clock_is_that_of_the_agents_place(
    zone: str, time: str, date: str, weekday: str
) -> None:
    values = template_values(a_call_of(in_zone(zone)), 0.0)
    assert (values["local_time"], values["local_date"], values["weekday"]) == (time, date, weekday)


def test_the_clock_goes_on_with_the_call_across_a_change_to_summer_time() -> None:
    before = datetime.datetime(2027, 3, 28, 0, 30, tzinfo=datetime.UTC)
    call = a_call_of(in_zone("Europe/Berlin"), started_at=before)
    assert template_values(call, 0.0)["local_time"] == "01:30"
    assert template_values(call, AN_HOUR_MS)["local_time"] == "03:30"


def test_the_hour_that_comes_twice_is_told_with_its_offset() -> None:
    first = datetime.datetime(2026, 10, 25, 0, 30, tzinfo=datetime.UTC)
    call = a_call_of(in_zone("Europe/Berlin"), started_at=first)
    times = [template_values(call, n * AN_HOUR_MS)["local_time"] for n in (-1, 0, 1, 2)]
    assert times == ["01:30", "02:30 (UTC+02:00)", "02:30 (UTC+01:00)", "03:30"]


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        (None, "Monday, 2026-11-02, 09:30 (UTC)"),
        ("UTC", "Monday, 2026-11-02, 09:30 (UTC)"),
        ("No/Longer_Known", "Monday, 2026-11-02, 09:30 (UTC)"),
        ("Europe/London", "Monday, 2026-11-02, 09:30 in Europe/London (UTC)"),
        ("Europe/Berlin", "Monday, 2026-11-02, 10:30 in Europe/Berlin (UTC+01:00)"),
        ("Pacific/Honolulu", "Sunday, 2026-11-01, 23:30 in Pacific/Honolulu (UTC-10:00)"),
        ("Asia/Kolkata", "Monday, 2026-11-02, 15:00 in Asia/Kolkata (UTC+05:30)"),
    ],
)
def test_the_clock_in_words(zone: str | None, told: str) -> None:
    agent = msgspec.structs.replace(an_agent(), time_zone=zone)
    assert clock_in_words(a_call_of(agent), 0.0) == told


def test_time_counts_from_the_first_stream_else_from_the_ring() -> None:
    call = a_call_of(in_zone("UTC"), started_at=NOW + datetime.timedelta(minutes=5))
    assert template_values(call, 0.0)["local_time"] == "09:35"
    assert template_values(a_call_of(in_zone("UTC")), 0.0)["local_time"] == "09:30"


@pytest.mark.parametrize(
    "caller", ["anonymous", "sip:{local_time}@example.com", "+1<b>", "", *WITHHELD]
)
def test_a_callers_number_is_told_if_it_is_one(caller: str) -> None:
    values = template_values(a_call(), 0.0)
    assert (values["caller_number"], values["called_number"]) == (CALLER, CALLED)
    values = template_values(a_call_of(an_agent(), caller=caller, called=caller), 0.0)
    assert (values["caller_number"], values["called_number"]) == ("", "")


def test_without_a_memory_there_is_nothing_and_a_long_one_is_cut() -> None:
    assert template_values(a_call(), 0.0)["caller_memory"] == ""
    long = a_call_of(an_agent(), caller_memory="x" * 9_000)
    assert len(template_values(long, 0.0)["caller_memory"]) == 2_000


def test_open_or_closed_as_the_hours_say() -> None:
    berlin = in_zone("Europe/Berlin", opening_hours=OpeningHours(monday="10:30-11:00"))
    call = a_call_of(berlin)
    assert template_values(call, 0.0)["business_open"] == "open"
    assert template_values(call, AN_HOUR_MS)["business_open"] == "closed"
    assert is_business_open(an_agent(), NOW), "an agent without hours is always open"

import datetime

import msgspec
import pytest
from hypothesis import given, strategies as st

from ringdown.agents.opening_hours import (
    WEEKDAYS,
    DayHours,
    OpeningHours,
    is_open,
    next_change,
)

WEEK = datetime.timedelta(days=7)
HOURS = OpeningHours(
    monday="09:00-12:00, 13:00-17:30",
    tuesday="24h",
    wednesday="9:00 – 24:00",
    friday="22:00-02:00",
    closed_on=("2026-12-25", "01-01"),
)


def local(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("at", "is_it_open"),
    [
        ("2026-11-23 08:59:59", False),  # a Monday
        ("2026-11-23 09:00", True),
        ("2026-11-23 11:59:59", True),
        ("2026-11-23 12:00", False),
        ("2026-11-23 13:00", True),
        ("2026-11-23 17:29:59", True),
        ("2026-11-23 17:30", False),
        ("2026-11-24 00:00", True),
        ("2026-11-24 23:59:59", True),
        ("2026-11-25 00:00", False),
        ("2026-11-25 09:00", True),
        ("2026-11-25 23:59:59", True),
        ("2026-11-26 00:00", False),
        ("2026-11-26 12:00", False),  # Thursdays are omitted
        ("2026-11-27 21:59", False),
        ("2026-11-27 23:00", True),
        ("2026-11-28 01:59:59", True),  # Friday's night continues
        ("2026-11-28 02:00", False),
        ("2026-12-25 23:00", False),  # a Friday off, with its night
        ("2026-12-26 01:00", False),
        ("2027-01-01 23:00", False),  # every year
        ("2027-12-25 12:00", False),  # a Saturday: not a holiday that year, but closed anyway
    ],
)
def test_when_the_line_is_open(at: str, is_it_open: bool) -> None:
    assert is_open(HOURS, local(at)) is is_it_open


@pytest.mark.parametrize(
    "day", ["closed", "24h", "09:00-17:30", "9:00-12:00,13:00-17:00", "00:00-24:00", "22:00–06:00"]
)
def test_what_may_be_written_for_a_day(day: str) -> None:
    assert msgspec.convert(day, DayHours) == day


@pytest.mark.parametrize(
    "day",
    [
        "",
        "9-17",
        "9am-5pm",
        "24:00-06:00",
        "09:00",
        "09:60-10:00",
        "25:00-26:00",
        "Closed",
        "٠٩:٠٠-١٠:٠٠",
    ],
)
def test_what_may_not(day: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(day, DayHours)


@pytest.mark.parametrize("day", ["2026-02-29", "13-01", "00-10"])
def test_a_day_off_must_exist(day: str) -> None:
    with pytest.raises(ValueError, match=f"{day} isn't a valid date"):
        OpeningHours(closed_on=(day,))


def test_a_day_off_may_be_the_29th_of_february() -> None:
    assert not is_open(OpeningHours(tuesday="24h", closed_on=("02-29",)), local("2028-02-29 12:00"))


times = st.times().map(lambda time: time.replace(second=0, microsecond=0))


@given(begin=times, end=times, at=times)
def test_every_span_is_open_from_its_beginning_to_its_end(
    begin: datetime.time, end: datetime.time, at: datetime.time
) -> None:
    span = f"{begin:%H:%M}-{end:%H:%M}"
    every_day = OpeningHours(
        monday=span,
        tuesday=span,
        wednesday=span,
        thursday=span,
        friday=span,
        saturday=span,
        sunday=span,
    )
    expected = begin <= at < end if begin < end else not end <= at < begin
    moment = datetime.datetime.combine(datetime.date(2026, 11, 25), at)
    assert is_open(every_day, moment) is expected, span


@given(
    monday=st.sampled_from(["closed", "24h", "09:00-12:00, 13:00-17:30", "22:00-02:00"]),
    tuesday=st.sampled_from(["closed", "24h", "01:00-05:00", "02:00-02:00"]),
    off=st.sampled_from([(), ("2026-11-23",), ("2026-11-24",)]),
    minute=st.integers(0, 2 * 24 * 60),
)
def test_the_next_change_is_the_first_minute_that_differs(
    monday: str, tuesday: str, off: tuple[str, ...], minute: int
) -> None:
    hours = OpeningHours(monday=monday, tuesday=tuesday, closed_on=off)
    at = local("2026-11-23 00:00") + datetime.timedelta(minutes=minute)
    later = (at + datetime.timedelta(minutes=n) for n in range(1, 8 * 24 * 60))
    expected = next((each for each in later if is_open(hours, each) != is_open(hours, at)), None)
    found = next_change(hours, at)
    assert found == expected or (expected is None and (found is None or found > at + WEEK))


def test_what_is_never_open_or_never_closed_never_changes() -> None:
    always = msgspec.convert(dict.fromkeys(WEEKDAYS, "24h"), OpeningHours)
    assert next_change(OpeningHours(), local("2026-11-23 00:00")) is None
    assert next_change(always, local("2026-11-23 00:00")) is None
    but_christmas = msgspec.structs.replace(always, closed_on=("12-25",))
    assert next_change(but_christmas, local("2026-01-01 08:00")) == local("2026-12-25 00:00")

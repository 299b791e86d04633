"""When a line is open. Times are wall-clock times in the agent's time zone."""

import datetime
import re
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

_TIME = r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9]"
_SPAN = rf"{_TIME} ?[-–] ?(?:{_TIME}|24:00)"
_LEAP_YEAR = 2000
_DAY = datetime.timedelta(days=1)
_MINUTES_A_DAY = 24 * 60
_FURTHEST_DAYS = 400
"""How far ahead to look for a change: more than a year, so that yearly days off are included."""

DayHours = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^(?:closed|24h|{_SPAN}(?:, ?{_SPAN})*)\Z",
        max_length=200,
        description='times such as "09:00-17:30", several with commas, "24h", or "closed"',
    ),
]
DayOff = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(?:[0-9]{4}-)?[0-9]{2}-[0-9]{2}\Z",
        description='a date such as "2026-12-25", or "12-25" for every year',
    ),
]


class OpeningHours(msgspec.Struct, frozen=True, kw_only=True):
    """The week, the days off, and what happens outside opening hours.

    A span that ends before it begins runs past midnight and belongs to the day it begins on.
    """

    monday: DayHours = "closed"
    tuesday: DayHours = "closed"
    wednesday: DayHours = "closed"
    thursday: DayHours = "closed"
    friday: DayHours = "closed"
    saturday: DayHours = "closed"
    sunday: DayHours = "closed"
    closed_on: Annotated[tuple[DayOff, ...], msgspec.Meta(max_length=400)] = ()
    outside: Literal["answer", "message", "fallback_number"] = "message"
    """What happens outside the hours: the agent answers anyway, or callers hear a message before
    the call ends or goes to the fallback number."""
    message: Annotated[str, msgspec.Meta(max_length=500)] | None = None
    """Said outside the hours. None: a sentence in the agent's language. Empty: nothing."""

    def __post_init__(self) -> None:
        for day in self.closed_on:
            if not _is_date(day):
                raise ValueError(f"closed_on: {day} isn't a valid date")

    @property
    def week(self) -> tuple[DayHours, ...]:
        """The hours of each day, from Monday to Sunday."""
        return tuple(getattr(self, name) for name in WEEKDAYS)


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def is_open(hours: OpeningHours, local: datetime.datetime) -> bool:
    """Whether the line is open at the wall-clock time `local`."""
    today, yesterday = local.date(), local.date() - datetime.timedelta(days=1)
    minute = local.hour * 60 + local.minute
    return _within(hours, today, minute) or _within(hours, yesterday, minute + 24 * 60)


def next_change(hours: OpeningHours, local: datetime.datetime) -> datetime.datetime | None:
    """Return the wall-clock time at which the line next opens or closes; None for never."""
    before = is_open(hours, local)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    for begins in (midnight + n * _DAY for n in range(_FURTHEST_DAYS)):
        for minute in sorted(_ends_on(hours, begins)):
            change = begins + datetime.timedelta(minutes=minute)
            if change > local and is_open(hours, change) is not before:
                return change
    return None


def _ends_on(hours: OpeningHours, day: datetime.datetime) -> set[int]:
    """Return the minutes of the day at which a span may begin or end."""
    todays = {end for span in _spans(hours.week[day.weekday()]) for end in span}
    yesterdays = {end for span in _spans(hours.week[(day - _DAY).weekday()]) for end in span}
    ends = {0, *todays, *(end - _MINUTES_A_DAY for end in yesterdays)}
    return {end for end in ends if 0 <= end < _MINUTES_A_DAY}


def spans_of_no_length(hours: OpeningHours) -> Iterator[tuple[str, str]]:
    """Yield the weekday and text of each span that ends when it begins. It counts as 24 hours."""
    for weekday, day in zip(WEEKDAYS, hours.week, strict=True):
        for span in day.split(","):
            begin, *end = map(str.strip, re.split("[-–]", span))
            if end and _minute(begin) == _minute(end[0]):
                yield weekday, span.strip()


def _within(hours: OpeningHours, day: datetime.date, minute: int) -> bool:
    """Whether a span of `day` contains `minute`, counted from the midnight that begins the day."""
    if {day.isoformat(), day.isoformat()[5:]} & set(hours.closed_on):
        return False
    return any(begin <= minute < end for begin, end in _spans(hours.week[day.weekday()]))


def _spans(day: DayHours) -> Iterator[tuple[int, int]]:
    if day == "24h":
        yield 0, 24 * 60
    elif day != "closed":
        for span in day.split(","):
            begin, end = map(_minute, re.split("[-–]", span))
            yield begin, end if begin < end else end + 24 * 60


def _minute(time: str) -> int:
    hour, _, minute = time.partition(":")
    return int(hour) * 60 + int(minute)


def _is_date(day: DayOff) -> bool:
    try:
        datetime.date.fromisoformat(day if len(day) > 5 else f"{_LEAP_YEAR}-{day}")
    except ValueError:
        return False
    return True

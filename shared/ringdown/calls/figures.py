"""How many calls there were, how long they lasted and what they cost: by day, hour, agent or
number.

The store adds up using its indexes, so that thousands of calls take no longer than ten.
"""

import datetime
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, Protocol

import msgspec

from ringdown.calls import CallQuery

_DAY = datetime.timedelta(days=1)
_HOUR = datetime.timedelta(hours=1)

Grouping = Literal["agent", "number"]
"""By the agent that answered, or by the number that was called."""
GROUPED_BY: dict[Grouping, str] = {"agent": "agent_id", "number": "called"}
"""The field of calls to group by."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of any number of calls. Live calls have no length or cost yet."""

    calls: int = 0
    talk_s: float = 0.0
    cost_usd: float = 0.0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            calls=self.calls + other.calls,
            talk_s=self.talk_s + other.talk_s,
            cost_usd=self.cost_usd + other.cost_usd,
        )


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """From `since` until just before `until`; both in UTC."""

    since: datetime.datetime
    until: datetime.datetime


class FigureStore(Protocol):
    """Raises StoreUnavailable when the store does not answer."""

    async def count_calls(self, *queries: CallQuery) -> tuple[int, ...]:
        """How many calls match each query. `limit` is ignored."""

    async def add_up_calls(self, *periods: Period) -> tuple[Figures, ...]:
        """The figures of the calls that began in each period."""

    async def add_up_calls_by(self, by: Grouping, period: Period) -> dict[str, Figures]:
        """The same for each agent or called number with calls in `period`; most expensive first."""


def day_of(now: datetime.datetime, zone: datetime.tzinfo) -> Period:
    """The day in `zone`, from midnight to midnight, however many hours that is."""
    return _day(now.astimezone(zone).date(), zone)


def days_until(now: datetime.datetime, zone: datetime.tzinfo, count: int) -> tuple[Period, ...]:
    """The last `count` days, today first."""
    today = now.astimezone(zone).date()
    return tuple(_day(today - n * _DAY, zone) for n in range(count))


def hours_of(day: Period) -> Iterator[Period]:
    """In order; a day on which the clocks change has 23 or 25."""
    since = day.since
    while since < day.until:
        yield Period(since=since, until=since + _HOUR)
        since += _HOUR


def dearest_first(figures: Mapping[str, Figures]) -> dict[str, Figures]:
    """Without those that have no calls."""
    named = sorted(figures.items(), key=lambda pair: (-pair[1].cost_usd, pair[0]))
    return {name: each for name, each in named if each.calls}


def total(figures: Iterable[Figures]) -> Figures:
    return sum(figures, Figures())


def _day(day: datetime.date, zone: datetime.tzinfo) -> Period:
    midnights = (datetime.datetime.combine(d, datetime.time(), zone) for d in (day, day + _DAY))
    since, until = (midnight.astimezone(datetime.UTC) for midnight in midnights)
    return Period(since=since, until=until)

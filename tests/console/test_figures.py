"""What can't change any more is added up once; the rest anew each time."""

import datetime

from console.figures import SettledFigures
from ringdown.calls.figures import Figures, Period

NOON = datetime.datetime(2026, 11, 27, 12, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)


class Counting:
    """Adds up to the number of times that it was asked."""

    def __init__(self) -> None:
        self.asked: list[Period] = []

    async def add_up_calls(self, *periods: Period) -> tuple[Figures, ...]:
        self.asked += periods
        return tuple(Figures(calls=len(self.asked)) for _ in periods)

    async def count_calls(self, *queries: object) -> tuple[int, ...]:
        raise NotImplementedError

    async def add_up_calls_by(self, by: object, period: Period) -> dict[str, Figures]:
        raise NotImplementedError


def hour(begins: datetime.datetime) -> Period:
    return Period(since=begins, until=begins + HOUR)


async def test_a_period_that_is_over_is_asked_for_once() -> None:
    store = Counting()
    figures, old, present = SettledFigures(store), hour(NOON - 5 * HOUR), hour(NOON)

    first = await figures.of(old, present, now=NOON)
    second = await figures.of(old, present, now=NOON)

    assert store.asked == [old, present, present]
    assert second[0] == first[0]
    assert second[1] != first[1]


async def test_a_call_of_the_last_hours_may_still_be_live() -> None:
    store = Counting()
    figures, recent = SettledFigures(store), hour(NOON - 2 * HOUR)

    await figures.of(recent, now=NOON)
    await figures.of(recent, now=NOON)

    assert store.asked == [recent, recent]


async def test_what_is_to_come_has_no_calls_and_is_not_asked_for() -> None:
    store = Counting()

    assert await SettledFigures(store).of(hour(NOON + HOUR), now=NOON) == (Figures(),)
    assert store.asked == []


async def test_after_an_hour_it_is_asked_for_again() -> None:
    store = Counting()
    figures, old = SettledFigures(store), hour(NOON - 5 * HOUR)

    await figures.of(old, now=NOON)
    await figures.of(old, now=NOON + HOUR)

    assert store.asked == [old, old]

"""What can't change any more is added up once; the rest anew each time."""

import asyncio
import datetime

from console.figures import SettledFigures
from ringdown.calls.figures import Figures, Period
from tests.jumping_loop import pytest_asyncio_loop_factories as pytest_asyncio_loop_factories

NOON = datetime.datetime(2026, 11, 27, 12, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)


class Counting:
    """Adds up to the number of times that it was asked."""

    def __init__(self) -> None:
        self.asked: list[Period] = []

    async def add_up_calls(self, *periods: Period) -> tuple[Figures, ...]:
        self.asked += periods
        return tuple(Figures(calls=len(self.asked)) for _ in periods)


class Slow(Counting):
    """Answers after a second."""

    async def add_up_calls(self, *periods: Period) -> tuple[Figures, ...]:
        found = await super().add_up_calls(*periods)
        await asyncio.sleep(1)
        return found


def settled(counting: Counting) -> SettledFigures:
    return SettledFigures(counting.add_up_calls)


def hour(begins: datetime.datetime) -> Period:
    return Period(since=begins, until=begins + HOUR)


async def test_a_period_that_is_over_is_asked_for_once() -> None:
    store = Counting()
    figures, old, present = settled(store), hour(NOON - 5 * HOUR), hour(NOON)

    first = await figures.of(old, present, now=NOON, within_s=5)
    second = await figures.of(old, present, now=NOON, within_s=5)

    assert first is not None
    assert second is not None
    assert store.asked == [old, present, present]
    assert second[0] == first[0]
    assert second[1] != first[1]


async def test_a_call_of_the_last_hours_may_still_be_live() -> None:
    store = Counting()
    figures, recent = settled(store), hour(NOON - 2 * HOUR)

    await figures.of(recent, now=NOON, within_s=5)
    await figures.of(recent, now=NOON, within_s=5)

    assert store.asked == [recent, recent]


async def test_what_is_to_come_has_no_calls_and_is_not_asked_for() -> None:
    store = Counting()

    assert await settled(store).of(hour(NOON + HOUR), now=NOON, within_s=5) == (Figures(),)
    assert store.asked == []


async def test_what_was_added_up_in_time_is_not_asked_for_again() -> None:
    store = Slow()
    figures, hours = settled(store), [hour(NOON - n * HOUR) for n in range(5, 15)]

    assert await figures.of(*hours, now=NOON, within_s=2.5) is None
    assert await figures.of(*hours, now=NOON, within_s=2.5) is not None
    assert store.asked[:4] == hours[:4]
    assert store.asked.count(hours[0]) == 1


async def test_after_an_hour_it_is_asked_for_again() -> None:
    store = Counting()
    figures, old = settled(store), hour(NOON - 5 * HOUR)

    await figures.of(old, now=NOON, within_s=5)
    await figures.of(old, now=NOON + HOUR, within_s=5)

    assert store.asked == [old, old]

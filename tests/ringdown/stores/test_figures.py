"""A day's sums, in every store. They are always right, and kept once they can't change."""

import asyncio
import datetime
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import msgspec
import pytest

from ringdown.calls import RETENTION, CallChanges, CallStatus, EndReason
from ringdown.calls.figures import (
    LONGEST_CALL,
    WRITTEN_WITHIN,
    CountedCall,
    Day,
    Figures,
    Period,
    added_up,
    count_again,
    day_of,
    days_until,
    hours_of,
    outcomes_by_agent,
    read_days,
    read_days_and_live,
    shares,
    total,
)
from ringdown.calls.outcomes import Outcome, Success
from ringdown.errors import StoreUnavailable
from ringdown.stores import Store
from ringdown.stores.paths import day_path
from tests.ringdown.samples import CALLED, CALLER, NOW, a_call, a_claim
from tests.ringdown.stores.contract import Put

MINUTE, HOUR = datetime.timedelta(minutes=1), datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)
BERLIN, OTHER = ZoneInfo("Europe/Berlin"), "+14155550199"
TODAY = day_of(NOW, BERLIN)
TOMORROW = NOW + DAY
LAST_MINUTE = TODAY.until - MINUTE


async def over(
    store: Store,
    n: int,
    when: datetime.datetime = NOW,
    *,
    lasts: datetime.timedelta = MINUTE,
    cost_usd: float = 0.25,
    agent_id: str = "default",
    called: str = CALLED,
    reason: EndReason = EndReason.AGENT_HUNG_UP,
) -> str:
    call_sid = await live(store, n, when, agent_id=agent_id, called=called)
    await end(store, call_sid, when + lasts, cost_usd=cost_usd, reason=reason)
    return call_sid


async def live(
    store: Store,
    n: int,
    when: datetime.datetime = NOW,
    *,
    agent_id: str = "default",
    called: str = CALLED,
) -> str:
    call = msgspec.structs.replace(
        a_call(call_sid=f"CA{n:032x}"), created_at=when, agent_id=agent_id, called=called
    )
    await store.open_call(call)
    return call.call_sid


async def end(
    store: Store,
    call_sid: str,
    at: datetime.datetime,
    *,
    cost_usd: float = 0.25,
    reason: EndReason = EndReason.AGENT_HUNG_UP,
) -> None:
    await store.claim(call_sid, a_claim())
    changes = CallChanges(
        status=CallStatus.ENDED, ended_at=at, end_reason=reason, talk_s=60, cost_usd=cost_usd
    )
    await store.save(call_sid, 1, changes)


async def day(store: Store, now: datetime.datetime, period: Period = TODAY) -> Day:
    (found,) = await read_days(store, [period], now)
    return found


async def kept(store: Store) -> Day | None:
    (found,) = await store.read_days(TODAY)
    return found


# Which calls the sums include


async def test_a_store_without_calls_adds_up_to_nothing(store: Store) -> None:
    found = await day(store, NOW)
    assert found.figures == Figures()
    assert (found.agents, found.numbers, found.hours, found.outcomes) == ({}, {}, {}, {})


async def test_a_day_has_the_calls_between_its_midnights(store: Store) -> None:
    await over(store, 1, TODAY.since - MINUTE, cost_usd=1.0)
    await over(store, 2, TODAY.since, cost_usd=0.25)
    await over(store, 3, LAST_MINUTE, cost_usd=0.5, lasts=90 * MINUTE)  # ends after midnight
    await over(store, 4, TODAY.until, cost_usd=2.0)
    await live(store, 5)

    for now in (TODAY.until, TOMORROW):
        today, yesterday = await read_days(store, days_until(NOW, BERLIN, 2), now)

        assert today.figures == Figures(calls=3, talk_s=120, cost_usd=0.75)
        assert yesterday.figures == Figures(calls=1, talk_s=60, cost_usd=1.0)
        assert total([today.figures, yesterday.figures]).calls == 4


async def test_agents_and_numbers_are_told_apart_the_dearest_first(store: Store) -> None:
    await over(store, 1, cost_usd=0.25)
    await over(store, 2, agent_id="night", called=OTHER, cost_usd=0.5)
    await over(store, 3, agent_id="night", cost_usd=0.5)
    await over(store, 4, TODAY.since - MINUTE, agent_id="Empfang “München”/1", called="sip:a@b.c")

    days = await read_days(store, days_until(NOW, BERLIN, 2), TOMORROW)
    by_agent, by_number = shares(days[:1], "agent"), shares(days[:1], "number")

    assert list(by_agent) == ["night", "default"]
    assert by_agent["night"] == Figures(calls=2, talk_s=120, cost_usd=1.0)
    assert list(by_number) == [CALLED, OTHER]
    assert by_number[CALLED] == Figures(calls=2, talk_s=120, cost_usd=0.75)
    assert set(shares(days, "agent")) == {"night", "default", "Empfang “München”/1"}
    assert await read_days(store, days_until(NOW, BERLIN, 2), TOMORROW) == days, "kept days differ"


async def test_hours_and_endings_are_counted(store: Store) -> None:
    await over(store, 1, TODAY.since)
    await over(store, 2, TODAY.since + HOUR - MINUTE, reason=EndReason.TRANSFERRED)
    await over(store, 3, TODAY.since + HOUR, reason=EndReason.TRANSFERRED)
    await live(store, 4, LAST_MINUTE)

    found = await day(store, TODAY.until)

    assert found.hours == {"0": 2, "1": 1, "23": 1}
    assert found.endings == {"agent_hung_up": 1, "transferred": 2}


async def test_outcomes_are_counted_by_agent(store: Store) -> None:
    for n, success in enumerate((Success.YES, Success.NO, Success.YES)):
        call_sid = await over(store, n, agent_id="night" if n else "default")
        outcome = Outcome(questions="q", asked_at=NOW, success=success)
        await store.keep_outcome(call_sid, outcome)
    await over(store, 9)

    found = await day(store, TOMORROW)

    assert found.outcomes == {"default": {"yes": 1}, "night": {"no": 1, "yes": 1}}
    assert outcomes_by_agent([found, found])["night"] == {"no": 2, "yes": 2}


async def test_damaged_calls_are_in_nobodys_way(store: Store, put: Put) -> None:
    await put(
        "calls/CAdamaged", {"created_at": NOW, "talk_s": "long", "agent_id": 7, "called": None}
    )
    await over(store, 1)
    assert (await day(store, TOMORROW)).agents == {
        "default": Figures(calls=1, talk_s=60, cost_usd=0.25)
    }


# Keeping days


async def test_a_day_that_is_over_is_kept_and_its_calls_may_expire(store: Store) -> None:
    await over(store, 1)
    before = await day(store, TOMORROW)
    await store.forget_caller(CALLER)

    assert await kept(store) == before
    assert await day(store, TOMORROW + 2 * RETENTION) == before
    assert CALLER not in repr(before)


async def test_nothing_is_kept_that_may_still_change(store: Store) -> None:
    running = await live(store, 1, LAST_MINUTE)
    midnight = TODAY.until

    assert (await day(store, midnight + LONGEST_CALL)).figures == Figures(calls=1)
    assert await kept(store) is None
    await end(store, running, midnight + LONGEST_CALL)
    await day(store, midnight + LONGEST_CALL + WRITTEN_WITHIN - MINUTE)
    assert await kept(store) is None

    found = await day(store, midnight + LONGEST_CALL + WRITTEN_WITHIN)
    assert found.figures == Figures(calls=1, talk_s=60, cost_usd=0.25)
    assert await kept(store) == found


async def test_a_call_whose_end_was_never_written_keeps_no_day_open(store: Store) -> None:
    await live(store, 1, LAST_MINUTE)
    found = await day(store, TOMORROW + LONGEST_CALL)
    assert await kept(store) == found
    assert found.figures == Figures(calls=1)


async def test_a_busy_day_is_kept_while_it_lasts(store: Store) -> None:
    """Calls that are included in a kept day are never listed again."""
    for n in range(60):
        await over(store, n, TODAY.since + n * MINUTE)
    running = await live(store, 60, TODAY.since + 60 * MINUTE)
    await over(store, 61, TODAY.since + 61 * MINUTE)
    now = TODAY.since + 2 * HOUR

    first = await day(store, now)
    stored = await kept(store)

    assert first.figures == Figures(calls=62, talk_s=61 * 60, cost_usd=61 * 0.25)
    assert stored is not None
    assert stored.figures.calls == 60
    assert stored.counted_until == TODAY.since + 60 * MINUTE
    await store.forget_caller(CALLER)
    await over(store, 70, TODAY.since + 60 * MINUTE)
    assert (await day(store, now)).figures.calls == 61
    assert running


async def test_calls_of_one_millisecond_are_each_counted_once(store: Store) -> None:
    """SQLite's own dates are accurate only to the millisecond."""
    began = [TODAY.since + HOUR + n * datetime.timedelta(microseconds=1) for n in range(60)]
    for n, when in enumerate(reversed(began)):
        await over(store, n, when, lasts=3 * HOUR if when == began[55] else MINUTE)

    for now in (began[0] + HOUR, began[0] + HOUR, began[0] + 4 * HOUR, TOMORROW):
        assert (await day(store, now)).figures.calls == 60
    ends = Period(since=began[3], until=began[7])
    assert [call.created_at for call in await store.list_counted(ends, 3)] == began[3:6]
    assert [call.created_at for call in await store.list_counted(ends, 9)] == began[3:7]


async def test_two_readers_at_once_count_nothing_twice(store: Store, other_store: Store) -> None:
    for n in range(60):
        await over(store, n, TODAY.since + n * MINUTE)
    expected = Figures(calls=60, talk_s=3_600, cost_usd=15)
    for now in (TODAY.since + 2 * HOUR, TOMORROW):
        found = await asyncio.gather(*(day(each, now) for each in (store, other_store) * 4))
        assert [each.figures for each in found] == [expected] * 8
    stored = await kept(store)
    assert stored is not None
    assert stored.figures == expected


async def test_sums_are_kept_only_over_what_was_read(store: Store) -> None:
    first = Day(since=TODAY.since, until=TODAY.until, counted_until=NOW)
    second = msgspec.structs.replace(first, counted_until=NOW + HOUR)
    assert await store.keep_day(first, over=None)
    assert not await store.keep_day(second, over=None)
    assert await kept(store) == first
    assert await store.keep_day(second, over=first)
    assert await store.read_days(TODAY, day_of(TOMORROW, BERLIN)) == (second, None)


async def test_sums_that_cannot_be_read_are_made_anew(store: Store, put: Put) -> None:
    await over(store, 1)
    await put(day_path(TODAY.since, TODAY.until), {"since": "once"})
    found = await day(store, TOMORROW)
    assert found.figures.calls == 1
    assert await kept(store) == found


async def test_days_of_which_calls_have_expired_are_not_kept(store: Store) -> None:
    await over(store, 1, TODAY.since)
    assert (await day(store, TODAY.since + RETENTION)).figures.calls == 1
    assert await kept(store) is None


async def test_zones_keep_days_of_their_own(store: Store) -> None:
    await over(store, 1, LAST_MINUTE)
    in_utc = day_of(NOW, datetime.UTC)
    for period in (TODAY, in_utc):
        assert (await day(store, TOMORROW, period)).figures.calls == 1
    assert None not in await store.read_days(TODAY, in_utc)


async def test_live_calls_are_known_besides_the_newest_first(store: Store) -> None:
    now = TODAY.since + 90 * MINUTE
    days = days_until(now, BERLIN, 2)
    began = [now - ago for ago in (MINUTE, 100 * MINUTE, LONGEST_CALL + MINUTE)]
    sids = [await live(store, n, when) for n, when in enumerate(began)]
    await over(store, 7, now - MINUTE)
    for n in range(100, 160):
        await over(store, n, TODAY.since - 20 * HOUR + n * MINUTE)

    for _ in range(2):
        _, found = await read_days_and_live(store, days, now)
        assert [call.call_sid for call in found] == sids[:2]
        assert [call.caller for call in found] == [CALLER, CALLER]


# Late changes


@pytest.mark.parametrize("late", [HOUR, 3 * DAY])
async def test_a_call_that_is_restored_has_its_days_added_up_again(
    store: Store, late: datetime.timedelta
) -> None:
    for period in (TODAY, day_of(NOW, datetime.UTC), day_of(NOW - DAY, BERLIN)):
        await day(store, TOMORROW, period)
    await over(store, 1)
    assert (await day(store, TOMORROW)).figures.calls == 0

    await count_again(store, NOW, TOMORROW + late)

    yesterday = day_of(NOW - DAY, BERLIN)
    days = await store.read_days(TODAY, day_of(NOW, datetime.UTC), yesterday)
    assert [each is None for each in days] == [True, True, False]
    assert (await day(store, TOMORROW)).figures.calls == 1


async def test_sums_stay_when_some_of_their_calls_have_expired(store: Store) -> None:
    before = await day(store, TOMORROW)
    await count_again(store, NOW, NOW + RETENTION - HOUR)
    assert await kept(store) == before


# Days and periods


def test_a_day_on_which_clocks_are_changed_has_all_its_hours() -> None:
    longest = day_of(datetime.datetime(2026, 10, 25, 9, tzinfo=BERLIN), BERLIN)
    shortest = day_of(datetime.datetime(2026, 3, 29, 9, tzinfo=BERLIN), BERLIN)
    usual = days_until(NOW, BERLIN, 1)[0]
    assert [len(list(hours_of(day))) for day in (longest, shortest, usual)] == [25, 23, 24]
    first = next(iter(hours_of(usual)))
    assert first == Period(since=usual.since, until=usual.since + HOUR)


class Pages:
    """A store with calls that began at these times, which counts its queries."""

    def __init__(self, began: Iterable[datetime.datetime]) -> None:
        self._calls = [
            CountedCall(
                call_sid="CA1",
                caller=CALLER,
                created_at=at,
                agent_id="default",
                called=CALLED,
                status=CallStatus.ENDED,
            )
            for at in sorted(began)
        ]
        self.asked = 0
        self._kept: dict[Period, Day] = {}

    async def list_counted(self, period: Period, limit: int) -> tuple[CountedCall, ...]:
        self.asked += 1
        theirs = (c for c in self._calls if period.since <= c.created_at < period.until)
        return tuple(theirs)[:limit]

    async def read_days(self, *periods: Period) -> tuple[Day | None, ...]:
        return tuple(self._kept.get(period) for period in periods)

    async def keep_day(self, day: Day, over: Day | None) -> bool:
        self._kept[day.period] = day
        return True

    async def erase_days(self, at: datetime.datetime) -> None:
        raise NotImplementedError


async def test_any_number_of_calls_is_counted_a_page_at_a_time_and_once() -> None:
    second = datetime.timedelta(seconds=1)
    store = Pages(TODAY.since + n // 7 * second for n in range(3_456))
    (first,) = await read_days(store, [TODAY], TOMORROW)
    assert first.figures.calls == 3_456
    assert store.asked == 4
    (second_time,) = await read_days(store, [TODAY], TOMORROW)
    assert (second_time, store.asked) == (first, 4)


class ReadOnly(Pages):
    async def keep_day(self, day: Day, over: Day | None) -> bool:
        raise StoreUnavailable("attempt to write a readonly database")


async def test_whoever_may_only_read_gets_the_sums_too() -> None:
    (found,) = await read_days(ReadOnly([NOW]), [TODAY], TOMORROW)
    assert found.figures.calls == 1


def test_adding_up_in_parts_is_adding_up_at_once() -> None:
    calls = [
        CountedCall(
            call_sid="CA1",
            caller=CALLER,
            created_at=TODAY.since + n * HOUR,
            agent_id=f"agent {n % 3}",
            called=f"+1415555{n % 2:04}",
            status=CallStatus.ENDED,
            end_reason="agent_hung_up",
            talk_s=n,
            cost_usd=n / 4,
            outcome="yes" if n % 2 else None,
        )
        for n in range(24)
    ]
    empty = Day(since=TODAY.since, until=TODAY.until, counted_until=TODAY.since)
    assert added_up(added_up(empty, calls[:9]), calls[9:]) == added_up(empty, calls)

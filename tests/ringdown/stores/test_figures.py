"""Adding up calls by time, agent and number, in every store."""

import datetime
from zoneinfo import ZoneInfo

import msgspec

from ringdown.calls import CallChanges, CallQuery, CallStatus, EndReason
from ringdown.calls.figures import (
    Figures,
    Period,
    day_of,
    days_until,
    hours_of,
    total,
)
from ringdown.stores import Store
from tests.ringdown.samples import CALLED, NOW, a_call, a_claim
from tests.ringdown.stores.contract import Put

MINUTE, HOUR = datetime.timedelta(minutes=1), datetime.timedelta(hours=1)
BERLIN, OTHER = ZoneInfo("Europe/Berlin"), "+14155550199"
TODAY = day_of(NOW, BERLIN)


async def over(
    store: Store,
    n: int,
    when: datetime.datetime = NOW,
    *,
    cost_usd: float = 0.25,
    agent_id: str = "default",
    called: str = CALLED,
    reason: EndReason = EndReason.AGENT_HUNG_UP,
) -> str:
    """A one-minute call."""
    call_sid = await live(store, n, when, agent_id=agent_id, called=called)
    await store.claim(call_sid, a_claim())
    changes = CallChanges(
        status=CallStatus.ENDED,
        ended_at=when + MINUTE,
        end_reason=reason,
        talk_s=60,
        cost_usd=cost_usd,
    )
    await store.save(call_sid, 1, changes)
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


async def test_a_store_without_calls_adds_up_to_nothing(store: Store) -> None:
    assert await store.add_up_calls(TODAY) == (Figures(),)
    assert await store.add_up_calls_by("agent", TODAY) == {}
    assert await store.count_calls() == ()


async def test_a_day_has_the_calls_between_its_midnights(store: Store) -> None:
    await over(store, 1, TODAY.since - MINUTE, cost_usd=1.0)
    await over(store, 2, TODAY.since, cost_usd=0.25)
    await over(store, 3, TODAY.until - MINUTE, cost_usd=0.5)
    await over(store, 4, TODAY.until, cost_usd=2.0)
    await live(store, 5)

    today, yesterday = await store.add_up_calls(*days_until(NOW, BERLIN, 2))

    assert today == Figures(calls=3, talk_s=120, cost_usd=0.75)
    assert yesterday == Figures(calls=1, talk_s=60, cost_usd=1.0)
    assert total([today, yesterday]).calls == 4


async def test_agents_and_numbers_are_told_apart_the_dearest_first(store: Store) -> None:
    await over(store, 1, cost_usd=0.25)
    await over(store, 2, agent_id="night", called=OTHER, cost_usd=0.5)
    await over(store, 3, agent_id="night", cost_usd=0.5)
    await over(store, 4, TODAY.since - MINUTE, agent_id="long ago", called="+14155550111")

    by_agent = await store.add_up_calls_by("agent", TODAY)
    by_number = await store.add_up_calls_by("number", TODAY)

    assert list(by_agent) == ["night", "default"]
    assert by_agent["night"] == Figures(calls=2, talk_s=120, cost_usd=1.0)
    assert list(by_number) == [CALLED, OTHER]
    assert by_number[CALLED] == Figures(calls=2, talk_s=120, cost_usd=0.75)


async def test_calls_are_counted_by_how_they_ended_and_whether_they_live(store: Store) -> None:
    lost = await over(store, 1, reason=EndReason.MODEL_LOST)
    await over(store, 2)
    running = await live(store, 3, NOW + MINUTE)
    busy = await over(store, 4, NOW + 2 * MINUTE, reason=EndReason.HANDLER_BUSY)
    failed = CallQuery(end_reasons=(EndReason.MODEL_LOST, EndReason.HANDLER_BUSY), since=NOW)
    now = CallQuery(live=True)

    assert await store.count_calls(failed, now, CallQuery(called=CALLED)) == (2, 1, 4)
    assert [call.call_sid for call in await store.list_calls(failed)] == [busy, lost]
    assert [call.call_sid for call in await store.list_calls(now)] == [running]


async def test_damaged_calls_are_in_nobodys_way(store: Store, put: Put) -> None:
    await put(
        "calls/CAdamaged", {"created_at": NOW, "talk_s": "long", "agent_id": 7, "called": None}
    )
    await over(store, 1)
    assert await store.add_up_calls_by("number", TODAY) == {
        CALLED: Figures(calls=1, talk_s=60, cost_usd=0.25)
    }
    assert list(await store.add_up_calls_by("agent", TODAY)) == ["default"]


async def test_a_call_is_found_by_how_its_sid_begins(store: Store) -> None:
    sids = [await live(store, n) for n in (0x1A, 0x1B, 0x2A)]
    await store.claim(sids[0], a_claim())  # has documents below it
    shared = sids[0][:-1]

    assert await store.find_sids(sids[2], 10) == (sids[2],)
    assert await store.find_sids(shared, 10) == tuple(sids[:2])
    assert await store.find_sids(shared, 1) == (sids[0],)
    assert await store.find_sids("CA9", 10) == ()
    assert await store.find_sids("CA/%", 10) == ()


def test_a_day_on_which_clocks_are_changed_has_all_its_hours() -> None:
    longest = day_of(datetime.datetime(2026, 10, 25, 9, tzinfo=BERLIN), BERLIN)
    shortest = day_of(datetime.datetime(2026, 3, 29, 9, tzinfo=BERLIN), BERLIN)
    usual = days_until(NOW, BERLIN, 1)[0]
    assert [len(list(hours_of(day))) for day in (longest, shortest, usual)] == [25, 23, 24]
    first = next(iter(hours_of(usual)))
    assert first == Period(since=usual.since, until=usual.since + HOUR)

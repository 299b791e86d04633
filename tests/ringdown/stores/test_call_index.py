"""Finding calls, in every store."""

import datetime

import msgspec

from ringdown.calls import Call, CallQuery
from ringdown.stores import Store
from tests.ringdown.samples import CALLED, CALLER, NOW, a_call, a_claim
from tests.ringdown.stores.contract import Put

OTHER_CALLER = "+14155550124"
SECOND = datetime.timedelta(seconds=1)


def call_at(
    when: datetime.datetime, *, n: int = 0, caller: str = CALLER, agent_id: str = "default"
) -> Call:
    call = a_call(call_sid=f"CA{n:032x}")
    return msgspec.structs.replace(call, created_at=when, caller=caller, agent_id=agent_id)


async def open_all(store: Store, *calls: Call) -> None:
    for call in calls:
        await store.open_call(call)


async def test_an_empty_store_has_no_calls(store: Store) -> None:
    assert await store.list_calls(CallQuery()) == ()


async def test_the_newest_call_comes_first_even_within_a_second(store: Store) -> None:
    times = [NOW, NOW + SECOND, NOW + SECOND * 1.5, NOW - SECOND]
    calls = [call_at(when, n=n) for n, when in enumerate(times)]
    await open_all(store, *calls)

    listed = await store.list_calls(CallQuery())

    assert listed == (calls[2], calls[1], calls[0], calls[3])


async def test_no_more_calls_come_than_were_asked_for(store: Store) -> None:
    calls = [call_at(NOW + n * SECOND, n=n) for n in range(4)]
    await open_all(store, *calls)

    assert await store.list_calls(CallQuery(limit=2)) == (calls[3], calls[2])


async def test_a_time_has_its_first_moment_and_not_its_last(store: Store) -> None:
    before, first, last, after = (call_at(NOW + n * SECOND, n=n) for n in range(4))
    await open_all(store, before, first, last, after)

    query = CallQuery(since=first.created_at, until=after.created_at)

    assert await store.list_calls(query) == (last, first)


async def test_a_number_is_found_as_caller_and_as_called(store: Store) -> None:
    theirs = call_at(NOW, n=1)
    others = call_at(NOW + SECOND, n=2, caller=OTHER_CALLER)
    await open_all(store, theirs, others)

    assert await store.list_calls(CallQuery(number=CALLER)) == (theirs,)
    assert await store.list_calls(CallQuery(number=CALLED)) == (others, theirs)
    assert await store.list_calls(CallQuery(number="+1415555012")) == ()


async def test_an_agents_calls_are_found_together_with_everything_else(store: Store) -> None:
    wanted = call_at(NOW, n=1, agent_id="night")
    await open_all(
        store,
        wanted,
        call_at(NOW, n=2),
        call_at(NOW, n=3, agent_id="night", caller=OTHER_CALLER),
        call_at(NOW - SECOND, n=4, agent_id="night"),
    )

    query = CallQuery(since=NOW, until=NOW + SECOND, number=CALLER, agent_id="night")

    assert await store.list_calls(query) == (wanted,)


async def test_what_is_below_a_call_is_no_call(store: Store) -> None:
    await store.open_call(a_call())
    await store.claim(a_call().call_sid, a_claim())

    assert len(await store.list_calls(CallQuery())) == 1


async def test_a_call_that_cannot_be_read_hides_no_other(store: Store, put: Put) -> None:
    readable = call_at(NOW, n=1)
    await store.open_call(readable)
    await put("calls/CAdamaged", {"created_at": NOW, "call_sid": 7})

    assert await store.list_calls(CallQuery()) == (readable,)

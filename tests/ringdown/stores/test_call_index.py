"""Finding calls, in every store."""

import datetime

import msgspec

from ringdown.calls import Call, CallChanges, CallQuery, CallStatus, EndReason, ListedCall
from ringdown.calls.outcomes import STANDINGS, Outcome, Success
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


def listed(*calls: Call) -> tuple[ListedCall, ...]:
    """Convert calls to what lists contain: calls without agents and tools."""
    return tuple(
        ListedCall(**{name: getattr(call, name) for name in ListedCall.__struct_fields__})
        for call in calls
    )


async def test_an_empty_store_has_no_calls(store: Store) -> None:
    assert await store.list_calls(CallQuery()) == ()


async def test_the_newest_call_comes_first_even_within_a_second(store: Store) -> None:
    times = [NOW, NOW + SECOND, NOW + SECOND * 1.5, NOW - SECOND]
    calls = [call_at(when, n=n) for n, when in enumerate(times)]
    await open_all(store, *calls)

    found = await store.list_calls(CallQuery())

    assert found == listed(calls[2], calls[1], calls[0], calls[3])


async def test_no_more_calls_come_than_were_asked_for(store: Store) -> None:
    calls = [call_at(NOW + n * SECOND, n=n) for n in range(4)]
    await open_all(store, *calls)

    assert await store.list_calls(CallQuery(limit=2)) == listed(calls[3], calls[2])


async def test_a_time_has_its_first_moment_and_not_its_last(store: Store) -> None:
    before, first, last, after = (call_at(NOW + n * SECOND, n=n) for n in range(4))
    await open_all(store, before, first, last, after)

    query = CallQuery(since=first.created_at, until=after.created_at)

    assert await store.list_calls(query) == listed(last, first)


async def test_a_number_is_found_as_caller_and_as_called(store: Store) -> None:
    theirs = call_at(NOW, n=1)
    others = call_at(NOW + SECOND, n=2, caller=OTHER_CALLER)
    await open_all(store, theirs, others)

    assert await store.list_calls(CallQuery(number=CALLER)) == listed(theirs)
    assert await store.list_calls(CallQuery(number=CALLED)) == listed(others, theirs)
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

    assert await store.list_calls(query) == listed(wanted)


async def test_what_is_below_a_call_is_no_call(store: Store) -> None:
    await store.open_call(a_call())
    await store.claim(a_call().call_sid, a_claim())

    assert len(await store.list_calls(CallQuery())) == 1


async def test_a_call_that_cannot_be_read_hides_no_other(store: Store, put: Put) -> None:
    readable = call_at(NOW, n=1)
    await store.open_call(readable)
    await put("calls/CAdamaged", {"created_at": NOW, "call_sid": 7})

    assert await store.list_calls(CallQuery()) == listed(readable)


async def test_calls_are_found_by_what_came_of_them(store: Store) -> None:
    calls = [call_at(NOW + n * SECOND, n=n) for n in range(4)]
    await open_all(store, *calls)
    yes = Outcome(questions="q", asked_at=NOW, success=Success.YES)
    unknown = Outcome(questions="q", asked_at=NOW, problem="Gemini refused.")
    for call, outcome in zip(calls, (yes, unknown, yes), strict=False):
        assert await store.keep_outcome(call.call_sid, outcome)

    async def found(*outcomes: str) -> list[str]:
        query = CallQuery(outcomes=outcomes, until=NOW + 4 * SECOND)
        return [call.call_sid for call in await store.list_calls(query)]

    assert await found("yes") == [calls[2].call_sid, calls[0].call_sid]
    assert await found("problem") == [calls[1].call_sid]
    assert await found("no") == []
    assert len(await found(*STANDINGS)) == 3
    assert [call.outcome for call in await store.list_calls(CallQuery())] == [
        None,
        "yes",
        "problem",
        "yes",
    ]


async def test_calls_are_found_by_how_they_ended_and_whether_they_live(store: Store) -> None:
    lost, over, running = (call_at(NOW + n * SECOND, n=n) for n in range(3))
    await open_all(store, lost, over, running)
    for call, reason in ((lost, EndReason.MODEL_LOST), (over, EndReason.AGENT_HUNG_UP)):
        await store.claim(call.call_sid, a_claim())
        ended = CallChanges(status=CallStatus.ENDED, end_reason=reason)
        await store.save(call.call_sid, 1, ended)

    failed = CallQuery(end_reasons=(EndReason.MODEL_LOST, EndReason.HANDLER_BUSY), since=NOW)
    assert [call.call_sid for call in await store.list_calls(failed)] == [lost.call_sid]
    live = await store.list_calls(CallQuery(live=True))
    assert [call.call_sid for call in live] == [running.call_sid]


async def test_a_call_is_found_by_how_its_sid_begins(store: Store) -> None:
    calls = [call_at(NOW, n=n) for n in (0x1A, 0x1B, 0x2A)]
    await open_all(store, *calls)
    sids = [call.call_sid for call in calls]
    await store.claim(sids[0], a_claim())  # so that it has documents below it
    shared = sids[0][:-1]

    assert await store.find_sids(sids[2], 10) == (sids[2],)
    assert await store.find_sids(shared, 10) == tuple(sids[:2])
    assert await store.find_sids(shared, 1) == (sids[0],)
    assert await store.find_sids("CA9", 10) == ()
    assert await store.find_sids("CA/%", 10) == ()

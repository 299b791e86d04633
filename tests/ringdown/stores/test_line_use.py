"""The line's limits, and how much of them is used up, in every store."""

import datetime

import msgspec
import pytest

from ringdown.calls import CallChanges, CallStatus, EndReason, TwilioStatus, Usage
from ringdown.calls.limits import LineLimits, LineUse
from ringdown.errors import InvalidDocument
from ringdown.stores import Store
from tests.ringdown.samples import CALLER, NOW, a_call, a_claim
from tests.ringdown.stores.contract import Put

MINUTE = datetime.timedelta(minutes=1)
HOUR = datetime.timedelta(hours=1)
OTHER_CALLER = "+14155550124"


async def opened(
    store: Store, n: int, when: datetime.datetime, *, caller: str = OTHER_CALLER
) -> str:
    call = a_call(call_sid=f"CA{n:032x}")
    await store.open_call(msgspec.structs.replace(call, created_at=when, caller=caller))
    return call.call_sid


async def ended(store: Store, call_sid: str, talk_s: int, cost_usd: float) -> None:
    await store.claim(call_sid, a_claim())
    over = CallChanges(
        status=CallStatus.ENDED,
        end_reason=EndReason.CALLER_HUNG_UP,
        talk_s=talk_s,
        cost_usd=cost_usd,
    )
    await store.save(call_sid, 1, over)


async def test_limits_are_the_defaults_until_they_are_written(store: Store) -> None:
    assert await store.read_limits() == LineLimits()
    limits = LineLimits(calls_at_once=3, usd_per_day=None)
    await store.write_limits(limits)
    assert await store.read_limits() == limits


async def test_limits_written_in_the_console_need_not_be_complete(store: Store, put: Put) -> None:
    await put("settings/limits", {"calls_per_hour": 7, "note": "for the holidays"})
    assert await store.read_limits() == LineLimits(calls_per_hour=7)


async def test_limits_that_cannot_be_used_are_named(store: Store, put: Put) -> None:
    await put("settings/limits", {"calls_at_once": 0})
    with pytest.raises(InvalidDocument, match="settings/limits: calls_at_once"):
        await store.read_limits()


async def test_nothing_is_used_of_a_line_without_calls(store: Store) -> None:
    assert await store.line_use(CALLER, NOW) == LineUse()


async def test_what_has_been_used(store: Store) -> None:
    await opened(store, 1, NOW - MINUTE, caller=CALLER)
    await ended(store, await opened(store, 2, NOW - 2 * MINUTE, caller=CALLER), 90, 0.25)
    await ended(store, await opened(store, 3, NOW - 2 * HOUR, caller=CALLER), 30, 0.5)
    await ended(store, await opened(store, 4, NOW - 25 * HOUR), 6000, 100.0)
    await store.claim(await opened(store, 5, NOW - 3 * MINUTE), a_claim())
    await opened(store, 6, NOW - 2 * HOUR)

    use = await store.line_use(CALLER, NOW)

    assert use == LineUse(
        calls_per_caller_per_hour=2,
        calls_at_once=2,
        calls_per_hour=3,
        minutes_per_day=2.0,
        usd_per_day=0.75,
    )
    assert (await store.line_use("anonymous", NOW)).calls_per_caller_per_hour == 0


async def test_a_call_of_which_no_handler_said_how_it_ended_counts_by_twilios_word(
    store: Store,
) -> None:
    call_sid = await opened(store, 1, NOW)
    await store.claim(call_sid, a_claim())
    await store.save(call_sid, 1, CallChanges(usage=Usage(reports=1, prompt={"AUDIO": 1_000_000})))
    status = TwilioStatus(status="completed", duration_s=120, final=True)
    await store.note_twilio_status(call_sid, status, NOW + 2 * MINUTE)

    use = await store.line_use(CALLER, NOW + 2 * MINUTE)

    assert (use.calls_at_once, use.minutes_per_day, use.usd_per_day) == (0, 2.0, 3.0)


async def test_damaged_calls_are_not_in_the_way(store: Store, put: Put) -> None:
    await put("calls/CAdamaged", {"created_at": NOW, "talk_s": "long", "status": 7})
    await opened(store, 1, NOW)
    use = await store.line_use(CALLER, NOW)
    assert (use.calls_at_once, use.minutes_per_day) == (1, 0.0)

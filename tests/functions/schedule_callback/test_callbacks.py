"""Callbacks in every store."""

import datetime

from callback_scheduling.callbacks import Callback, keep_callback
from ringdown.calls.callers import Forgotten
from ringdown.stores import Store
from tests.functions.schedule_callback.kept import kept_callbacks
from tests.ringdown.samples import CALL_SID, CALLER, NOW

NEXT_DAY = NOW + datetime.timedelta(days=1)


def a_callback(*, caller: str = CALLER, at: datetime.datetime = NEXT_DAY) -> Callback:
    return Callback(
        caller=caller,
        at=at,
        topic="a late box",
        call_sid=CALL_SID,
        agent_id="default",
        created_at=NOW,
        expires_at=at + datetime.timedelta(days=30),
    )


async def test_a_caller_has_one_callback_at_a_time(store: Store, other_store: Store) -> None:
    later = a_callback(at=NEXT_DAY + datetime.timedelta(minutes=1))
    assert await keep_callback(store.documents, later)
    assert await keep_callback(store.documents, a_callback())
    assert not await keep_callback(other_store.documents, a_callback())
    assert await kept_callbacks(other_store) == (a_callback(), later)


async def test_a_forgotten_caller_is_not_called_back(store: Store) -> None:
    other = a_callback(caller="+14155550124")
    await keep_callback(store.documents, a_callback())
    await keep_callback(store.documents, other)
    assert await store.forget_caller(CALLER) == Forgotten(callers=0, calls=0, documents=1)
    assert await kept_callbacks(store) == (other,)

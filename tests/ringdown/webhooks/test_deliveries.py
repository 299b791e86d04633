"""Delivery of a message over a simulated hour, with every store."""

import asyncio
import datetime
import itertools
from collections.abc import AsyncIterator

import msgspec
import pytest

from ringdown.documents import to_record
from ringdown.errors import InvalidDocument
from ringdown.stores import Store
from ringdown.stores.paths import LOST_WEBHOOKS, WEBHOOK_DELIVERIES, WEBHOOKS
from ringdown.webhooks import (
    LostWebhook,
    Payload,
    Receiver,
    Receivers,
    call_ended,
)
from ringdown.webhooks.deliveries import PAUSES, Deliveries
from ringdown.webhooks.sender import Sender
from tests.ringdown.samples import CALL_SID, CALLER, NOW, a_call
from tests.ringdown.webhooks.receivers import FAILS, TAKES, answers, receiving

MESSAGE = call_ended(a_call())
HOUR = datetime.timedelta(hours=1)


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    sender = Sender()
    yield sender
    await sender.close()


@pytest.fixture
def deliveries(store: Store, sender: Sender) -> Deliveries:
    return Deliveries(store.documents, sender)


async def tell(store: Store, *receivers: Receiver) -> None:
    await store.documents.write(WEBHOOKS, Receivers(receivers=receivers))


async def lost(store: Store) -> list[LostWebhook]:
    found = await store.documents.list(LOST_WEBHOOKS)
    return [to_record(LostWebhook, document, where=path) for path, document in found.items()]


async def over_time(deliveries: Deliveries, until: datetime.timedelta) -> bool:
    """Try to deliver the message every minute until that is over or `until` has passed.

    Returns whether it is over.
    """
    is_over, passed = False, datetime.timedelta()
    while passed <= until and not is_over:
        is_over = await deliveries.deliver(MESSAGE, NOW + passed)
        passed += datetime.timedelta(minutes=1)
    return is_over


async def test_a_message_reaches_everyone_who_wants_it(
    store: Store, deliveries: Deliveries
) -> None:
    async with receiving() as one, receiving() as two, receiving() as other:
        uninterested = msgspec.structs.replace(other.receiver, events=("call.outcome",))
        await tell(store, one.receiver, two.receiver, uninterested)
        assert await deliveries.deliver(MESSAGE, NOW)
    assert [len(hook.received) for hook in (one, two, other)] == [1, 1, 0]
    payload = msgspec.json.decode(one.received[0].body, type=Payload)
    assert (payload.type, payload.data.call.call_sid) == ("call.ended", CALL_SID)


async def test_without_receivers_there_is_nothing_to_do(
    store: Store, deliveries: Deliveries
) -> None:
    assert await deliveries.deliver(MESSAGE, NOW)
    assert await store.documents.list(WEBHOOK_DELIVERIES) == {}


async def test_a_message_that_comes_again_is_not_sent_again(
    store: Store, deliveries: Deliveries
) -> None:
    async with receiving() as hook:
        await tell(store, hook.receiver)
        assert [await deliveries.deliver(MESSAGE, NOW + HOUR * n) for n in range(3)] == [True] * 3
    assert len(hook.received) == 1


async def test_of_two_that_deliver_at_once_one_sends(
    store: Store, other_store: Store, deliveries: Deliveries, sender: Sender
) -> None:
    other = Deliveries(other_store.documents, sender)
    async with receiving() as hook:
        await tell(store, hook.receiver)
        await asyncio.gather(*(each.deliver(MESSAGE, NOW) for each in (deliveries, other) * 3))
    assert len(hook.received) == 1


async def test_a_receiver_that_is_down_is_tried_five_times_within_an_hour_and_then_given_up(
    store: Store, deliveries: Deliveries
) -> None:
    async with receiving(FAILS) as hook:
        await tell(store, hook.receiver)
        assert await over_time(deliveries, HOUR)
        assert await over_time(deliveries, HOUR), "a delivery that is over must stay over"
    assert len(hook.received) == 5
    assert len({message.headers["webhook-id"] for message in hook.received}) == 1
    times = [int(message.headers["webhook-timestamp"]) for message in hook.received]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses == [pause.total_seconds() for pause in PAUSES]
    [given_up] = await lost(store)
    assert (given_up.call_sid, given_up.event, given_up.url) == (CALL_SID, "call.ended", hook.url)
    assert given_up.problem == "It answered with HTTP 500."
    assert given_up.expires_at == a_call().expires_at


async def test_a_receiver_that_comes_back_gets_the_message_after_a_restart(
    store: Store, other_store: Store, deliveries: Deliveries, sender: Sender
) -> None:
    async with receiving(FAILS) as hook:
        await tell(store, hook.receiver)
        assert not await deliveries.deliver(MESSAGE, NOW)
        hook.respond = TAKES
        restarted = Deliveries(other_store.documents, sender)
        assert not await restarted.deliver(MESSAGE, NOW), "the next attempt isn't due yet"
        assert await restarted.deliver(MESSAGE, NOW + PAUSES[0])
    assert len(hook.received) == 2
    assert await lost(store) == []


async def test_one_that_is_down_keeps_no_other_waiting_and_repeats_nothing_to_it(
    store: Store, deliveries: Deliveries
) -> None:
    async with receiving(FAILS) as down, receiving() as up:
        await tell(store, down.receiver, up.receiver)
        assert await over_time(deliveries, HOUR)
    assert (len(down.received), len(up.received)) == (5, 1)


async def test_a_receiver_that_is_gone_is_given_up_immediately(
    store: Store, deliveries: Deliveries
) -> None:
    async with receiving(answers("410 Gone")) as hook:
        await tell(store, hook.receiver)
        assert await deliveries.deliver(MESSAGE, NOW)
    assert len(await lost(store)) == 1


async def test_a_forgotten_caller_is_in_nothing_that_is_kept(
    store: Store, deliveries: Deliveries
) -> None:
    async with receiving(answers("410 Gone")) as hook:
        await tell(store, hook.receiver)
        await deliveries.deliver(MESSAGE, NOW)
    assert (await store.forget_caller(CALLER)).documents == 2
    for collection in (WEBHOOK_DELIVERIES, LOST_WEBHOOKS):
        assert await store.documents.list(collection) == {}


async def test_settings_that_cannot_be_read_are_told_of(
    store: Store, deliveries: Deliveries
) -> None:
    await store.documents.write(WEBHOOKS, {"receivers": [{"url": 7}]})
    with pytest.raises(InvalidDocument, match="settings/webhooks"):
        await deliveries.deliver(MESSAGE, NOW)

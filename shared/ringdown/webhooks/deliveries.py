"""Delivers a message to each of its receivers: five tries over an hour, then a dead letter.

Tries are recorded in the store, so they survive a restart, and a message that is delivered twice
is sent only once. Call `deliver` again until it returns True.
"""

import asyncio
import datetime
import hashlib

from msgspec.structs import replace

from ringdown.errors import RingdownError
from ringdown.log import Log
from ringdown.stores.documents import Documents
from ringdown.stores.paths import LOST_WEBHOOKS, WEBHOOK_DELIVERIES, document_path
from ringdown.webhooks import Delivery, LostWebhook, Message, Receiver, read_receivers
from ringdown.webhooks.sender import Failure, Sender

PAUSES = tuple(datetime.timedelta(minutes=minutes) for minutes in (1, 4, 15, 30))
"""The pauses between tries; there is one more try than there are pauses."""

_log = Log(__name__)


class Deliveries:
    """Sends messages. `deliver` raises StoreUnavailable, and InvalidDocument for
    `settings/webhooks`."""

    def __init__(self, documents: Documents, sender: Sender) -> None:
        self._documents = documents
        self._sender = sender

    async def deliver(self, message: Message, now: datetime.datetime) -> bool:
        """Send `message` to each receiver whose next try is due. Return False if any needs another
        try later."""
        receivers = (await read_receivers(self._documents)).receivers
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._deliver_to(receiver, message, now))
                    for receiver in receivers
                    if message.event in receiver.events
                ]
        except* RingdownError as errors:
            raise errors.exceptions[0] from None
        return all(task.result() for task in tasks)

    async def _deliver_to(
        self, receiver: Receiver, message: Message, now: datetime.datetime
    ) -> bool:
        """Send to one receiver if a try is due; return whether the delivery is over."""
        id = f"{message.id} {hashlib.sha256(receiver.url.encode()).hexdigest()[:16]}"
        path = document_path(WEBHOOK_DELIVERIES, id)
        seen: list[Delivery] = []

        def next_try(stored: Delivery | None) -> Delivery | None:
            if stored is not None and (stored.is_over or stored.due_at > now):
                seen.append(stored)
                return None
            seen.append(_next_try(stored, message, now))
            return seen[-1]

        # Written before sending, so that only one of two deliverers sends the message.
        if not await self._documents.change(Delivery, path, next_try):
            return seen[-1].is_over
        tries = seen[-1].tries
        failure = await self._sender.send(receiver, message.id, message.body, now)
        is_over = failure is None or failure.final or tries > len(PAUSES)
        _log_result(message, failure, tries, is_over=is_over)
        if is_over:
            await self._end(path, tries)
            if failure is not None:
                lost = _lost(receiver, message, failure, now)
                await self._documents.write(document_path(LOST_WEBHOOKS, id), lost)
        return is_over

    async def _end(self, path: str, tries: int) -> None:
        def ended(stored: Delivery | None) -> Delivery | None:
            is_ours = stored is not None and stored.tries == tries
            return replace(stored, is_over=True) if is_ours and stored is not None else None

        await self._documents.change(Delivery, path, ended)


def _next_try(stored: Delivery | None, message: Message, now: datetime.datetime) -> Delivery:
    tries = 1 if stored is None else stored.tries + 1
    return Delivery(
        caller=message.caller,
        tries=tries,
        due_at=now + PAUSES[min(tries, len(PAUSES)) - 1],
        expires_at=message.expires_at,
    )


def _lost(
    receiver: Receiver, message: Message, failure: Failure, now: datetime.datetime
) -> LostWebhook:
    return LostWebhook(
        caller=message.caller,
        call_sid=message.call_sid,
        event=message.event,
        url=receiver.url,
        problem=failure.problem,
        given_up_at=now,
        expires_at=message.expires_at,
    )


def _log_result(message: Message, failure: Failure | None, tries: int, *, is_over: bool) -> None:
    if failure is None:
        _log.info("webhook delivered", webhook=message.event, tries=tries)
    elif is_over:
        _log.error("webhook abandoned", webhook=message.event, tries=tries, reason=failure.problem)
    else:
        _log.warning(
            "webhook not delivered", webhook=message.event, tries=tries, reason=failure.problem
        )

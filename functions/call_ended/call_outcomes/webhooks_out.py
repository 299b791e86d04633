"""Sends webhooks about a call: that it ended, and its outcome."""

import datetime
from collections.abc import Awaitable

from call_outcomes.last_words import settled_call
from ringdown.errors import InvalidDocument, RingdownError
from ringdown.log import Log
from ringdown.stores import Store
from ringdown.webhooks import EventName, call_ended, call_outcome, read_receivers
from ringdown.webhooks.deliveries import Deliveries

_log = Log("call_ended")


class WebhooksOut:
    """Sends a call's webhooks. No method raises; if one returns False, call it again later."""

    def __init__(self, store: Store, deliveries: Deliveries) -> None:
        self._store = store
        self._deliveries = deliveries

    async def send_ended(self, call_sid: str, now: datetime.datetime) -> bool:
        return await _settled(self._send_ended(call_sid, now))

    async def send_outcome(self, call_sid: str, now: datetime.datetime) -> bool:
        """Send the outcome, or nothing if it isn't known yet."""
        return await _settled(self._send_outcome(call_sid, now))

    async def _send_ended(self, call_sid: str, now: datetime.datetime) -> bool:
        if not await self._is_wanted("call.ended"):
            return True
        call = await self._store.read_call(call_sid)
        call = None if call is None else await settled_call(self._store, call)
        return call is None or await self._deliveries.deliver(call_ended(call), now)

    async def _send_outcome(self, call_sid: str, now: datetime.datetime) -> bool:
        if not await self._is_wanted("call.outcome"):
            return True
        record = await self._store.read_record(call_sid)
        if record is None or record.outcome is None or record.outcome.problem is not None:
            return True
        return await self._deliveries.deliver(call_outcome(record.call, record.outcome), now)

    async def _is_wanted(self, event: EventName) -> bool:
        receivers = (await read_receivers(self._store.documents)).receivers
        return any(event in receiver.events for receiver in receivers)


async def _settled(sending: Awaitable[bool]) -> bool:
    try:
        return await sending
    except InvalidDocument as error:  # stays invalid until someone corrects it
        _log.error("webhooks could not be sent", reason=str(error))
        return True
    except RingdownError as error:
        _log.warning("webhooks could not be sent yet", reason=str(error))
        return False

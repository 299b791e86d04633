"""Waits for the stream handler's final record of a call."""

import asyncio
import datetime

from ringdown import clock
from ringdown.calls import Call, CallStatus, CallStore
from ringdown.log import Log

LAST_WORDS_WITHIN = datetime.timedelta(seconds=12)
"""Twilio may report the end before the stream handler does, which has ten seconds to do so."""
_LOOK_AGAIN_S = 0.5

_log = Log("call_ended")


async def settled_call(store: CallStore, call: Call) -> Call | None:
    """Return the call once the handler has finished it, or as it is after LAST_WORDS_WITHIN.

    Returns None if the call is gone. Raises what the store raises.
    """
    current: Call | None = call
    ended_at = call.ended_at or call.created_at
    while current is not None and not _is_settled(current):
        if clock.now() - ended_at > LAST_WORDS_WITHIN:
            _log.warning("the handler's final record did not arrive")
            break
        await asyncio.sleep(_LOOK_AGAIN_S)
        current = await store.read_call(call.call_sid)
    return current


def _is_settled(call: Call) -> bool:
    return call.status is CallStatus.ENDED and (call.next is not None or call.started_at is None)

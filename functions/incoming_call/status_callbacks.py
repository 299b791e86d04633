"""POST /status: what Twilio reports of calls and streams. Nothing is answered but a receipt."""

import asyncio
import datetime
from typing import assert_never

from ringdown.calls import CallStore, TwilioStatus
from ringdown.errors import RingdownError
from ringdown.log import Log
from twilio_request import CallUpdate, StreamUpdate

NOTE_WITHIN_S = 3.0

_log = Log("incoming_call.status_callbacks")


async def take_status(
    update: CallUpdate | StreamUpdate, *, store: CallStore, now: datetime.datetime
) -> None:
    """Record a call's status and log a stream's; a store that fails is logged."""
    match update:
        case CallUpdate():
            await _note_call(update, store, now)
        case StreamUpdate(error=None):
            _log.info("stream status", event=update.event, stream_sid=update.stream_sid)
        case StreamUpdate():
            _log.error(
                "stream error",
                event=update.event,
                stream_sid=update.stream_sid,
                stream_error=update.error,
            )
        case unreachable:
            assert_never(unreachable)


async def _note_call(update: CallUpdate, store: CallStore, now: datetime.datetime) -> None:
    status = TwilioStatus(status=update.status, duration_s=update.duration_s, final=update.over)
    try:
        async with asyncio.timeout(NOTE_WITHIN_S):
            known = await store.note_twilio_status(update.call_sid, status, now)
    except (RingdownError, TimeoutError) as error:
        _log.error("status could not be noted", reason=str(error) or "the store was too slow")
        return
    if not known:
        _log.warning("status of an unknown call", status=update.status)

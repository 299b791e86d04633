"""POST /status: records what Twilio reports about calls and streams. The response is empty.

Only these reports say why a stream couldn't be opened or broke off.
"""

import datetime
from collections.abc import Awaitable
from typing import assert_never

from ringdown.calls import TwilioStatus
from ringdown.calls.uploads import EndedUploadStore, delete_after_call
from ringdown.errors import RingdownError
from ringdown.log import Log
from ringdown.stores.deadline import store_deadline
from voice_webhook.twilio_request import CallUpdate, StreamUpdate

NOTE_WITHIN_S = 3.0

_log = Log("incoming_call.status_callbacks")


async def take_status(
    update: CallUpdate | StreamUpdate, *, store: EndedUploadStore, now: datetime.datetime
) -> None:
    """Record a call's status or a stream's error. Once a call is over, also delete what its caller
    sent for this call only. If the store fails, log it."""
    match update:
        case CallUpdate():
            await _note_call(update, store, now)
        case StreamUpdate(error=str(error)):
            _log.error(
                "stream error",
                event=update.event,
                stream_sid=update.stream_sid,
                stream_error=error,
            )
            await _note(update.event, store.note_stream_error(update.call_sid, error))
        case StreamUpdate():
            _log.info("stream status", event=update.event, stream_sid=update.stream_sid)
        case unreachable:
            assert_never(unreachable)


async def _note_call(update: CallUpdate, store: EndedUploadStore, now: datetime.datetime) -> None:
    status = TwilioStatus(status=update.status, duration_s=update.duration_s, final=update.over)
    await _note(update.status, store.note_twilio_status(update.call_sid, status, now))
    if update.over:
        await _delete_uploads(update.call_sid, store)


async def _delete_uploads(call_sid: str, store: EndedUploadStore) -> None:
    """Delete what the caller sent; if the store fails, `call_ended` does it later."""
    try:
        async with store_deadline(NOTE_WITHIN_S):
            await delete_after_call(store, call_sid)
    except RingdownError as error:
        _log.error("uploads could not be deleted", reason=str(error))


async def _note(status: str, noting: Awaitable[bool]) -> None:
    try:
        async with store_deadline(NOTE_WITHIN_S):
            known = await noting
    except RingdownError as error:
        _log.error("status could not be recorded", reason=str(error))
        return
    if not known:
        _log.warning("status of an unknown call", status=status)

"""POST /after-stream: what happens to a call once its media stream has ended."""

import asyncio
import datetime
from typing import assert_never

from call_twiml import fall_back, hang_up, nothing
from ringdown.calls import Call, CallChanges, CallStatus, CallStore, EndReason, NextAction
from ringdown.errors import RingdownError
from ringdown.log import Log
from twilio_request import CallUpdate

READ_WITHIN_S = 2.0
SAVE_WITHIN_S = 1.0

_log = Log("incoming_call.after_stream")


async def after_stream(
    update: CallUpdate,
    *,
    store: CallStore,
    fallback_number: str | None,
    now: datetime.datetime,
) -> str:
    """TwiML by the handler's decision; without one the caller is handed to a person."""
    if update.over:
        return nothing()
    call = await _read(store, update.call_sid)
    if call is not None and call.next is None:
        await _note_lost_stream(store, call, now)
    return next_twiml(call, fallback_number=fallback_number)


def next_twiml(call: Call | None, *, fallback_number: str | None) -> str:
    """What Twilio does next. `call` is None when it is unknown or could not be read."""
    match call.next if call is not None else None:
        case NextAction.HANG_UP:
            return hang_up()
        case NextAction.FALL_BACK | None:
            language = None if call is None else call.agent.language
            return fall_back(language=language, number=_number_to_dial(call, fallback_number))
        case unreachable:
            assert_never(unreachable)


def _number_to_dial(call: Call | None, fallback_number: str | None) -> str | None:
    if call is None:
        return fallback_number
    number = call.agent.fallback_number or fallback_number
    return None if number == call.called else number  # dialling ourselves would never end


def lost_stream(call: Call, now: datetime.datetime) -> CallChanges:
    """What to record of a stream that ended without the handler's decision."""
    reason = EndReason.NEVER_STREAMED if call.started_at is None else EndReason.STREAM_LOST
    return CallChanges(
        status=CallStatus.ENDED,
        ended_at=call.ended_at or now,
        end_reason=call.end_reason or reason,
        next=NextAction.FALL_BACK,
    )


async def _read(store: CallStore, call_sid: str) -> Call | None:
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            call = await store.read_call(call_sid)
    except (RingdownError, TimeoutError) as error:
        _log.error("call could not be read", reason=str(error) or "the store was too slow")
        return None
    if call is None:
        _log.error("call is unknown")
    return call


async def _note_lost_stream(store: CallStore, call: Call, now: datetime.datetime) -> None:
    changes = lost_stream(call, now)
    _log.error("stream ended without a decision", end_reason=changes.end_reason)
    try:
        async with asyncio.timeout(SAVE_WITHIN_S):
            await store.save(call.call_sid, call.attempt, changes)
    except (RingdownError, TimeoutError) as error:
        _log.error("call could not be saved", reason=str(error) or "the store was too slow")

"""POST /after-stream: decides what happens to a call once its media stream has ended."""

import datetime
from typing import Protocol, assert_never

from ringdown.agents.clips import ClipStore
from ringdown.agents.known_clips import KnownClips
from ringdown.agents.phrases import phrases_for
from ringdown.calls import (
    Call,
    CallChanges,
    CallStatus,
    CallStore,
    EndReason,
    NextAction,
    recent_take_ups,
)
from ringdown.errors import RingdownError
from ringdown.log import Log
from ringdown.stores.deadline import store_deadline
from voice_webhook.answering import offer_stream
from voice_webhook.call_twiml import (
    apology,
    caller_id,
    hang_up,
    nothing,
    say_and_dial,
    transfer,
)
from voice_webhook.clips import Voice
from voice_webhook.transfer_acceptance import whisper_url
from voice_webhook.twilio_request import CallUpdate
from voice_webhook.webhook_settings import WebhookSettings

READ_WITHIN_S = 2.0
TAKE_UP_WITHIN_S = 1.0
SAVE_WITHIN_S = 1.0
PAUSE_S = 2
"""How much longer to wait before each further stream: a restarting handler needs two to five
seconds."""

_log = Log("incoming_call.after_stream")


class CallAndClipStore(CallStore, ClipStore, Protocol):
    """The store methods used after a stream."""


async def after_stream(
    update: CallUpdate,
    ended: int | None,
    *,
    store: CallAndClipStore,
    clips: KnownClips | None,
    settings: WebhookSettings,
    now: datetime.datetime,
) -> str:
    """Return TwiML that carries out the handler's decision.

    If the handler didn't decide anything, the agent continues in a new stream, which any handler
    may accept; if that isn't possible, the caller is sent to a person. `ended` is the attempt whose
    stream has ended; it keeps a repeated request from opening another stream.
    """
    if update.over:
        return nothing()
    call = await read_call(store, update.call_sid)
    if call is None:
        shown = caller_id(update.caller, update.called)
        number = settings.fallback_number
        return say_and_dial(apology(None, number), number=number, caller_id=shown)
    if call.next is None:
        taken_up = await _take_up(store, call, ended or call.attempt, now)
        if taken_up is not None:
            return offer_stream(taken_up, settings, now, pause_s=_pause_s(taken_up, now))
        await _note_lost_stream(store, call, now)
    voice = Voice(call.agent_id, call.agent, store, clips, settings)
    return await next_twiml(call, voice, settings, now)


async def next_twiml(
    call: Call, voice: Voice, settings: WebhookSettings, now: datetime.datetime
) -> str:
    """Return TwiML for the next step of a call whose stream has ended."""
    phrases = phrases_for(call.agent.language)
    person, shown = call.fallback_number, caller_id(call.caller, call.called)
    match call.next:
        case NextAction.HANG_UP:
            return hang_up()
        case NextAction.TRANSFER if call.transfer_to in call.agent.transfer_numbers:
            return transfer(
                party=call.agent.transfer_numbers[call.transfer_to],
                caller_id=shown,
                whisper_url=whisper_url(call, settings, now),
                after_dial_url=f"{settings.public_url}/after-dial",
            )
        case NextAction.IDLE_GOODBYE:
            words, person = phrases.idle_goodbye, None
        case NextAction.TIME_GOODBYE:
            words, person = phrases.time_goodbye, None
        case NextAction.BUSY:
            words = phrases.busy if person is None else phrases.connecting
        case NextAction.CONNECT_PERSON if person is not None:
            words = phrases.connecting
        case NextAction.FALL_BACK | NextAction.CONNECT_PERSON | NextAction.TRANSFER | None:
            words = apology(call.agent.language, person).text
        case unreachable:
            assert_never(unreachable)
    sentence = await voice.says(words, phrases.language)
    return say_and_dial(sentence, number=person, caller_id=shown)


def lost_stream(call: Call, now: datetime.datetime) -> CallChanges:
    """Return what to record about a stream that ended without a decision from the handler."""
    reason = EndReason.NEVER_STREAMED if call.started_at is None else EndReason.STREAM_LOST
    return CallChanges(
        status=CallStatus.ENDED,
        ended_at=call.ended_at or now,
        end_reason=call.end_reason or reason,
        next=NextAction.FALL_BACK,
    )


async def read_call(store: CallStore, call_sid: str) -> Call | None:
    try:
        async with store_deadline(READ_WITHIN_S):
            call = await store.read_call(call_sid)
    except RingdownError as error:
        _log.error("call could not be read", reason=str(error))
        return None
    if call is None:
        _log.error("unknown call")
    return call


async def _take_up(store: CallStore, call: Call, ended: int, now: datetime.datetime) -> Call | None:
    """Start the call's next attempt. Returns None if the agent can't or mustn't continue."""
    try:
        async with store_deadline(TAKE_UP_WITHIN_S):
            taken_up = await store.take_up(call.call_sid, ended, now)
    except RingdownError as error:
        _log.error("call could not be taken over", reason=str(error))
        return None
    if taken_up is None:
        _log.error("call must not be taken over", take_ups=len(call.take_ups))
    else:
        _log.warning(
            "call taken over", resumed_from=taken_up.resumed_from, attempt=taken_up.attempt
        )
    return taken_up


def _pause_s(call: Call, now: datetime.datetime) -> int:
    """Return how long to wait before the new stream: not at all the first time, then longer each
    time, in case a handler is restarting."""
    return max(recent_take_ups(call, now) - 1, 0) * PAUSE_S


async def _note_lost_stream(store: CallStore, call: Call, now: datetime.datetime) -> None:
    changes = lost_stream(call, now)
    _log.error("stream ended without a decision", end_reason=changes.end_reason)
    try:
        async with store_deadline(SAVE_WITHIN_S):
            await store.save(call.call_sid, call.attempt, changes)
    except RingdownError as error:
        _log.error("call could not be saved", reason=str(error))

"""Decides how each request changes a call. Pure, so that every store decides the same way.

Most functions take the stored call and return the call to write: unchanged if there is nothing to
write, None if the request is refused.
"""

import datetime

import msgspec

from ringdown.calls import (
    EARLY_END_KEPT_FOR,
    FINAL_TWILIO_STATUSES,
    MOST_RECENT_TAKE_UPS,
    MOST_TAKE_UPS,
    RETENTION,
    Call,
    CallStatus,
    Claim,
    EarlyEnd,
    EndReason,
    NextAction,
    TwilioStatus,
    recent_take_ups,
)
from ringdown.calls.callers import Caller, Memory
from ringdown.calls.uploads import KEPT_FOR, MOST_IN_A_CALL, Reception, Upload
from ringdown.gemini.prices import cost_usd


def claimed(call: Call, taken: Claim | None, claim: Claim) -> Call | None:
    """Return the call as held by `claim`; `taken` is the stored claim of that attempt.

    If `taken` is the same claim, it was won earlier: its response was lost, or the call is being
    rewritten.
    """
    if call.attempt != claim.attempt or taken not in (None, claim):
        return None
    if call.status is not CallStatus.RINGING:
        return None if taken is None else call
    return msgspec.structs.replace(
        call,
        status=CallStatus.IN_PROGRESS,
        started_at=call.started_at or claim.claimed_at,
    )


def accepted(call: Call, attempt: int) -> Call | None:
    """Return the call as accepted by the person who was dialled after `attempt`."""
    caller_is_gone = call.twilio_status in FINAL_TWILIO_STATUSES
    if call.next is not NextAction.TRANSFER or call.attempt != attempt or caller_is_gone:
        return None
    return msgspec.structs.replace(call, accepted_by=call.transfer_to)


def resumed(call: Call) -> Call | None:
    """Return the call at its next attempt, after a transfer that wasn't accepted."""
    if call.status is CallStatus.RINGING and call.attempt > 1:
        return call  # resumed already; Twilio repeats webhooks
    if call.next is not NextAction.TRANSFER or call.transfer_to is None:
        return None
    return msgspec.structs.replace(
        _at_next_attempt(call, EndReason.TRANSFERRED),
        failed_transfers=(*call.failed_transfers, call.transfer_to),
    )


def taken_up(call: Call, ended: int, at: datetime.datetime) -> Call | None:
    """Return the call at its next attempt, because the stream of attempt `ended` is over and
    nothing was decided about what comes next."""
    if call.next is not None or call.status is CallStatus.ENDED:
        return None
    if call.attempt > ended:
        return call  # taken over already; Twilio repeats webhooks
    if len(call.take_ups) >= MOST_TAKE_UPS or recent_take_ups(call, at) >= MOST_RECENT_TAKE_UPS:
        return None
    return msgspec.structs.replace(
        _at_next_attempt(call, call.end_reason or _unrecorded_end(call)),
        take_ups=(*call.take_ups, at),
    )


def _at_next_attempt(call: Call, resumed_from: EndReason) -> Call:
    return msgspec.structs.replace(
        call,
        attempt=call.attempt + 1,
        status=CallStatus.RINGING,
        ended_at=None,
        end_reason=None,
        next=None,
        transfer_to=None,
        transfer_reason=None,
        accepted_by=None,
        resumed_from=resumed_from,
    )


def noted(call: Call, status: TwilioStatus, at: datetime.datetime) -> Call:
    """Return the call with Twilio's status. Callbacks may arrive out of order, so a non-final
    status after a final one is ignored."""
    if call.twilio_status in FINAL_TWILIO_STATUSES and not status.final:
        return call
    with_status = msgspec.structs.replace(
        call,
        twilio_status=status.status,
        twilio_duration_s=(
            call.twilio_duration_s if status.duration_s is None else status.duration_s
        ),
    )
    if not status.final:
        return with_status
    return msgspec.structs.replace(
        with_status,
        talk_s=with_status.twilio_duration_s if call.talk_s is None else call.talk_s,
        cost_usd=cost_usd(call.usage) if call.cost_usd is None else call.cost_usd,
        status=CallStatus.ENDED,
        ended_at=call.ended_at or at,
        end_reason=call.end_reason or _unrecorded_end(call),
    )


def early_end(status: TwilioStatus, at: datetime.datetime) -> EarlyEnd | None:
    """Return what to keep of the status of a call that isn't open yet; None for nothing."""
    if not status.final:
        return None
    return EarlyEnd(
        twilio_status=status.status,
        duration_s=status.duration_s,
        at=at,
        expires_at=at + EARLY_END_KEPT_FOR,
    )


def opened(call: Call, early: EarlyEnd | None) -> Call:
    """Return the call as it is created: already ended if the news of its end arrived first."""
    if early is None:
        return call
    status = TwilioStatus(status=early.twilio_status, duration_s=early.duration_s, final=True)
    return noted(call, status, max(early.at, call.created_at))


def received(call: Call | None, upload: Upload) -> tuple[Reception, Call | None]:
    """Decide what happens to `upload`. Also return the call with it, or None if there is nothing to
    write."""
    if call is None or call.status is CallStatus.ENDED:
        return Reception.NOT_IN_CALL, None
    if upload.id in call.uploads:
        return Reception.TAKEN, None
    if len(call.uploads) >= MOST_IN_A_CALL:
        return Reception.TOO_MANY, None
    return Reception.TAKEN, msgspec.structs.replace(call, uploads=(*call.uploads, upload.id))


def upload_expires_at(call: Call, upload: Upload) -> datetime.datetime:
    return call.expires_at if call.agent.keep_photos else upload.received_at + KEPT_FOR


def _unrecorded_end(call: Call) -> EndReason:
    """Return why a call ended for which no handler recorded a reason."""
    return EndReason.NEVER_STREAMED if call.started_at is None else EndReason.STREAM_LOST


def blocked(caller: Caller, is_blocked: bool) -> Caller:
    """Block or unblock a caller. The entry of a blocked caller doesn't expire; what is left of it
    after unblocking does."""
    if is_blocked:
        expires_at = None
    else:
        expires_at = caller.expires_at or (caller.memory and caller.memory.at + RETENTION)
    return msgspec.structs.replace(caller, blocked=is_blocked, expires_at=expires_at)


def remembered(caller: Caller, memory: Memory, expires_at: datetime.datetime) -> Caller:
    """Return the caller with `memory`, unless the stored one is newer."""
    if caller.memory is not None and caller.memory.at > memory.at:
        return caller
    return msgspec.structs.replace(
        caller, memory=memory, expires_at=None if caller.blocked else expires_at
    )

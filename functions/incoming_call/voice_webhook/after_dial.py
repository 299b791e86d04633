"""POST /after-dial: decides what happens once a dialled transfer is over."""

import datetime

from ringdown.calls import Call, CallStore
from ringdown.errors import RingdownError
from ringdown.log import Log
from ringdown.stores.deadline import store_deadline
from voice_webhook.answering import offer_stream
from voice_webhook.call_twiml import apology, caller_id, hang_up, say_and_dial
from voice_webhook.transfer_acceptance import Transfer, UnrecordedAcceptances
from voice_webhook.twilio_request import DialUpdate
from voice_webhook.webhook_settings import WebhookSettings

RESUME_WITHIN_S = 2.0

_log = Log("incoming_call.after_dial")


async def after_dial(
    update: DialUpdate,
    *,
    store: CallStore,
    unrecorded: UnrecordedAcceptances,
    settings: WebhookSettings,
    now: datetime.datetime,
) -> str:
    """Return TwiML that sends the caller back to the agent, unless they talked to the person or
    hung up."""
    if update.call.over:
        return hang_up()
    resumed = None
    try:
        async with store_deadline(RESUME_WITHIN_S):
            call = await _read(store, update.call.call_sid, unrecorded)
            if call is not None and was_connected(call, update):
                return hang_up()
            resumed = await store.resume(update.call.call_sid)
    except RingdownError as error:
        _log.error("call could not be returned to the agent", reason=str(error))
    else:
        if resumed is None:
            _log.error("call can't be returned to the agent")
    if resumed is None:
        return _without_agent(update, settings)
    _log.info(
        "transfer failed",
        dial_status=update.status,
        bridged=update.bridged,
        attempt=resumed.attempt,
    )
    return offer_stream(resumed, settings, now)


def was_connected(call: Call, update: DialUpdate) -> bool:
    """Whether the caller was connected to the person.

    If the person has to accept the call, our record decides, because voicemail also completes a
    call. But if Twilio says it didn't connect them, it didn't.
    """
    if update.bridged is False:
        return False
    return call.accepted_by is not None if call.agent.transfer_accept else update.answered


async def _read(store: CallStore, call_sid: str, unrecorded: UnrecordedAcceptances) -> Call | None:
    """Read the call, and record its transfer if it was accepted while the store was unavailable."""
    call = await store.read_call(call_sid)
    if call is not None and Transfer(call_sid, call.attempt) in unrecorded:
        return await store.accept_transfer(call_sid, call.attempt) or call
    return call


def _without_agent(update: DialUpdate, settings: WebhookSettings) -> str:
    """Return TwiML for a call that the agent can't continue.

    Hangs up if the two talked, which only Twilio knows; otherwise dials a person.
    """
    if update.answered if update.bridged is None else update.bridged:
        return hang_up()
    shown = caller_id(update.call.caller, update.call.called)
    number = settings.fallback_number
    return say_and_dial(apology(None, number), number=number, caller_id=shown)

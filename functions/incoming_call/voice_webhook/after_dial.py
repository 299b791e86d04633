"""POST /after-dial: a person was dialled for a transfer; what happens when that is over."""

from ringdown.calls import Call, CallStore
from ringdown.errors import RingdownError
from ringdown.log import Log
from ringdown.stores.deadline import store_deadline
from voice_webhook.call_twiml import fall_back, hang_up
from voice_webhook.twilio_request import DialUpdate
from voice_webhook.withheld_numbers import caller_id

RESUME_WITHIN_S = 2.0

_log = Log("incoming_call.after_dial")


async def resumed_call(update: DialUpdate, *, store: CallStore) -> Call | None:
    """The call, if the agent is to go on with it: nobody answered, and the caller is still there.

    None if the person took the call, if it is over, or if it cannot be resumed.
    """
    if update.answered or update.call.over:
        return None
    try:
        async with store_deadline(RESUME_WITHIN_S):
            call = await store.resume(update.call.call_sid)
    except RingdownError as error:
        _log.error("call could not be resumed", reason=str(error))
        return None
    if call is None:
        _log.error("call is not to be resumed")
    else:
        _log.info("transfer not answered", dial_status=update.status, attempt=call.attempt)
    return call


def without_agent(update: DialUpdate, *, fallback_number: str | None) -> str:
    """TwiML for a transfer after which the agent does not go on."""
    if update.answered or update.call.over:
        return hang_up()
    shown = caller_id(update.call.caller, update.call.called)
    return fall_back(language=None, number=fallback_number, caller_id=shown)

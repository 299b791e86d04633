"""What callers meet outside an agent's opening hours."""

from msgspec.structs import replace

from ringdown.agents.phrases import phrases_for
from ringdown.agents.template_values import is_business_open
from ringdown.calls import Call, CallStatus, EndReason, NextAction
from voice_webhook.call_twiml import caller_id, say_and_dial


def is_answered(call: Call) -> bool:
    """Whether the agent talks to who calls now, which may be outside its hours, too."""
    hours = call.agent.opening_hours
    return (
        hours is None or hours.outside == "answer" or is_business_open(call.agent, call.created_at)
    )


def turned_away(call: Call) -> Call:
    """The record of a call that no stream is opened for."""
    hours = call.agent.opening_hours
    to_person = hours is not None and hours.outside == "fallback_number" and call.fallback_number
    return replace(
        call,
        status=CallStatus.ENDED,
        ended_at=call.created_at,
        end_reason=EndReason.OUTSIDE_HOURS,
        next=NextAction.CONNECT_PERSON if to_person else NextAction.HANG_UP,
    )


def turn_away(call: Call) -> str:
    """TwiML for such a call: the agent's message, or one in its language; then what it wants."""
    number = call.fallback_number if call.next is NextAction.CONNECT_PERSON else None
    shown = caller_id(call.caller, call.called)
    message = call.agent.opening_hours.message if call.agent.opening_hours is not None else None
    if message is not None:
        return say_and_dial(message, language=call.agent.language, number=number, caller_id=shown)
    phrases = phrases_for(call.agent.language)
    sentence = phrases.closed if number is None else phrases.connecting
    return say_and_dial(sentence, language=phrases.language, number=number, caller_id=shown)

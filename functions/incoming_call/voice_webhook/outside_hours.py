"""Handles calls outside an agent's opening hours."""

from msgspec.structs import replace

from ringdown.agents.template_values import is_business_open
from ringdown.calls import Call, CallStatus, EndReason, NextAction
from ringdown.calls.outside_hours import words_outside_hours
from voice_webhook.call_twiml import caller_id, say_and_dial
from voice_webhook.clips import Voice


def is_answered(call: Call) -> bool:
    """Whether the agent answers this call; some agents also answer outside their opening hours."""
    hours = call.agent.opening_hours
    return (
        hours is None or hours.outside == "answer" or is_business_open(call.agent, call.created_at)
    )


def turned_away(call: Call) -> Call:
    """Return the record of a call that came outside opening hours: ended, without a stream."""
    hours = call.agent.opening_hours
    to_person = hours is not None and hours.outside == "fallback_number" and call.fallback_number
    return replace(
        call,
        status=CallStatus.ENDED,
        ended_at=call.created_at,
        end_reason=EndReason.OUTSIDE_HOURS,
        next=NextAction.CONNECT_PERSON if to_person else NextAction.HANG_UP,
    )


async def turn_away(call: Call, voice: Voice) -> str:
    """Return TwiML that says the agent's message, or a standard one in its language, and then
    connects the caller to a person or hangs up."""
    number = call.fallback_number if call.next is NextAction.CONNECT_PERSON else None
    shown = caller_id(call.caller, call.called)
    words, language = words_outside_hours(call)
    return say_and_dial(await voice.says(words, language), number=number, caller_id=shown)

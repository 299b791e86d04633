"""What callers hear outside an agent's opening hours."""

from ringdown.agents.phrases import phrases_for
from ringdown.calls import Call, NextAction


def words_outside_hours(call: Call) -> tuple[str, str]:
    """The agent's message, or a sentence in its language; and the language. For a call that was
    turned away."""
    hours = call.agent.opening_hours
    if hours is not None and hours.message is not None:
        return hours.message, call.agent.language
    phrases = phrases_for(call.agent.language)
    to_person = call.next is NextAction.CONNECT_PERSON
    return phrases.connecting if to_person else phrases.closed, phrases.language

"""What callers hear outside an agent's opening hours."""

from ringdown.agents import Agent
from ringdown.agents.phrases import phrases_for
from ringdown.calls import Call, NextAction


def words_outside_hours(call: Call) -> tuple[str, str]:
    """Return what a caller who reached a closed line hears, and in which language: the agent's
    message, or a sentence in its language."""
    return words_of(call.agent, to_person=call.next is NextAction.CONNECT_PERSON)


def words_of(agent: Agent, *, to_person: bool) -> tuple[str, str]:
    """Return what any caller hears outside the hours of `agent`, and in which language."""
    if agent.opening_hours is not None and agent.opening_hours.message is not None:
        return agent.opening_hours.message, agent.language
    phrases = phrases_for(agent.language)
    return phrases.connecting if to_person else phrases.closed, phrases.language

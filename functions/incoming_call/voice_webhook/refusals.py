"""Answers callers who aren't let through."""

from ringdown.agents.phrases import phrases_for
from ringdown.log import Log
from voice_webhook.agent_choice import ChosenAgent
from voice_webhook.call_twiml import reject, say_and_dial
from voice_webhook.clips import Voice
from voice_webhook.line_guard import Standing

_log = Log("incoming_call.refusals")


async def refusal(
    standing: Standing,
    chosen: ChosenAgent,
    voice: Voice,
    person: str | None,
    caller_id: str | None,
) -> str:
    """Return TwiML for a caller who is blocked or calls too often, or for when the line has reached
    a limit.

    `person` is the number to dial when the line is busy. People who call too often aren't connected
    to it.
    """
    if standing.caller.blocked:
        _log.info("blocked caller rejected", agent=chosen.agent_id)
        return reject()
    phrases = phrases_for(chosen.agent.language)
    if standing.limits.caller_is_over:
        _log.warning("caller limit reached", agent=chosen.agent_id)
        person = None
    words = phrases.busy if person is None else phrases.connecting
    sentence = await voice.says(words, phrases.language)
    return say_and_dial(sentence, number=person, caller_id=caller_id)

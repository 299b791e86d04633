"""Lists what went wrong in a conversation."""

from collections.abc import Sequence

from simulators.gemini_live.record import SessionRecord
from simulators.gemini_live.scenario import Scenario
from simulators.speech.recognition import normalise
from simulators.twilio.script import SayStep, Script

ACCOUNT = {"status": "active", "plan": "family plan", "next_delivery": "Tuesday"}
"""What the tool `lookup_account` of every client returns."""
TOOLS = ["lookup_account", "end_call"]


def problems(sessions: Sequence[SessionRecord], scenario: Scenario, script: Script) -> list[str]:
    """List the problems in the stand-in's records. The client must open and close one session."""
    if len(sessions) != 1:
        return [f"it opened {len(sessions)} sessions instead of one"]
    [session] = sessions
    found = [problem.text for problem in session.problems]
    heard = [utterance.phrase for utterance in session.utterances]
    sentences = [normalise(s.action.text) for s in script.steps if isinstance(s.action, SayStep)]
    if heard != sentences:
        found.append(f"the model heard {heard}")
    called = [call.name for call in session.tool_calls]
    if called != TOOLS:
        found.append(f"the model called {called}")
    said = " ".join(turn.text for turn in session.turns)
    if not said.startswith(_greeting(scenario)):
        found.append(f"the model began with {said[:60]!r}")
    if _account(scenario) not in said:
        found.append("the model did not understand the tool's result")
    if not any(turn.interrupted for turn in session.turns):
        found.append("the model was not interrupted")
    if session.closed_by_server or not session.closed:
        found.append(f"the session ended with {session.close_code} {session.close_reason}")
    return found


def _greeting(scenario: Scenario) -> str:
    return (scenario.greeting and scenario.greeting.say) or ""


def _account(scenario: Scenario) -> str:
    """The sentence that contains the tool's result."""
    [then] = [turn.reply.then for turn in scenario.turns if turn.reply.then]
    return then.strip().format(**ACCOUNT)

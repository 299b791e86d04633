"""What a model session is opened with, and the texts that steer it.

`age_ms` is the call's age, which tells what the clock says in instructions and greeting.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ringdown.agents import Agent, TurnTaking
from ringdown.agents.template_values import template_values
from ringdown.agents.templates import render
from ringdown.calls import Call, EndReason, Speaker, Turn
from ringdown.gemini.models import MODELS
from stream_handler.call.functions import FunctionDeclaration, functions_for


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What a model session is opened with."""

    model: str
    instructions: str
    voice: str
    language: str
    turn_taking: TurnTaking
    functions: tuple[FunctionDeclaration, ...]
    google_search: bool = False
    temperature: float | None = None
    thinking: str | None = None
    """minimal, low, medium or high; None for a model that is not to be told."""
    handle: str | None = None
    """Of the session that is resumed."""


def session_config(
    call: Call, age_ms: float = 0.0, *, background: str = "", handle: str | None = None
) -> ModelConfig:
    """`background` is what the session is to know of the call beside its instructions."""
    agent = call.agent
    tools = (
        FunctionDeclaration(tool.name, tool.description, tool.parameters, tool.behavior)
        for tool in call.tools
    )
    return ModelConfig(
        model=agent.model,
        instructions=instructions_for(call, age_ms) + background,
        voice=agent.voice,
        language=agent.language,
        turn_taking=agent.turn_taking,
        functions=(*tools, *functions_for(agent)),
        google_search=agent.google_search,
        temperature=agent.temperature,
        thinking=_thinking(agent),
        handle=handle,
    )


def instructions_for(call: Call, age_ms: float = 0.0) -> str:
    """The agent's instructions as they read now."""
    return render(call.agent.instructions, template_values(call, age_ms))


def _thinking(agent: Agent) -> str | None:
    model = MODELS.get(agent.model)
    return agent.thinking or "low" if model is not None and model.thinks else None


def opening_prompt(call: Call, history: Sequence[Turn], age_ms: float = 0.0) -> str:
    """The text that makes the model speak first: the greeting, or a word on where things stand.

    What was said in earlier streams (`history`) the session knows already.
    """
    if not history and call.resumed_from is not EndReason.TRANSFERRED:
        greeting = render(call.agent.greeting, template_values(call, age_ms))
        return f'The caller is on the line now. Greet them, in exactly these words: "{greeting}"'
    if call.resumed_from is EndReason.TRANSFERRED:
        return (
            f"You transferred the caller to {call.failed_transfers[-1]}, who did not answer. The "
            "caller is back with you now. Say so in one short sentence, and ask how else you can "
            "help."
        )
    last = history[-1]
    if last.speaker is Speaker.CALLER:
        now = "The caller still waits for your answer: give it now."
    elif last.interrupted:
        now = "The caller heard you up to your last words: go on right behind them."
    else:
        now = "Say in one short sentence that you are back, and go on with what was to come next."
    return f"The line broke for a moment and is back. Do not greet the caller again. {now}"


def nudge_prompt(sentence: str) -> str:
    return f'The caller has been silent for a while. Say exactly: "{sentence}"'


def say_prompt(sentence: str) -> str:
    return f'Say exactly: "{sentence}" Then go on.'


def waiting_prompt(sentence: str) -> str:
    return f'What you wait for takes a moment. Say exactly: "{sentence}" Then wait on.'


def typed_prompt(digits: str) -> str:
    return f"The caller typed {digits} on the phone's keypad."

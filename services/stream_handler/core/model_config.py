"""What a model session is opened with, and the texts that steer it.

`age_ms` is the call's age, which tells what the clock says in instructions and greeting.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ringdown.agents import Agent, TurnTaking
from ringdown.calls import Call, Speaker, Turn
from ringdown.models import MODELS
from ringdown.template_values import template_values
from ringdown.templates import render
from stream_handler.core.functions import FunctionDeclaration, functions_for

_HISTORY_TURNS = 60  # a long call's end; what came before it rarely matters to what comes next


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What a model session is opened with."""

    model: str
    instructions: str
    voice: str
    language: str
    turn_taking: TurnTaking
    functions: tuple[FunctionDeclaration, ...]
    temperature: float | None = None
    thinking: str | None = None
    """minimal, low, medium or high; None for a model that is not to be told."""


def session_config(call: Call, age_ms: float = 0.0) -> ModelConfig:
    agent = call.agent
    tools = (
        FunctionDeclaration(tool.name, tool.description, tool.parameters) for tool in call.tools
    )
    return ModelConfig(
        model=agent.model,
        instructions=instructions_for(call, age_ms),
        voice=agent.voice,
        language=agent.language,
        turn_taking=agent.turn_taking,
        functions=(*tools, *functions_for(agent)),
        temperature=agent.temperature,
        thinking=_thinking(agent),
    )


def instructions_for(call: Call, age_ms: float = 0.0) -> str:
    """The agent's instructions as they read now."""
    return render(call.agent.instructions, template_values(call, age_ms))


def _thinking(agent: Agent) -> str | None:
    model = MODELS.get(agent.model)
    return agent.thinking or "low" if model is not None and model.thinks else None


def opening_prompt(call: Call, history: Sequence[Turn], age_ms: float = 0.0) -> str:
    """The text that makes the model speak first: the greeting, or a word on where things stand."""
    if not history and not call.failed_transfers:
        greeting = render(call.agent.greeting, template_values(call, age_ms))
        return f'The caller is on the line now. Greet them, in exactly these words: "{greeting}"'
    said = "\n".join(f"{_WHO[turn.speaker]}: {turn.text}" for turn in history[-_HISTORY_TURNS:])
    person = call.failed_transfers[-1] if call.failed_transfers else "the person"
    return (
        f"You are in the middle of this call. Until now:\n{said}\n"
        f"You transferred the caller to {person}, who did not answer. The caller is back with you "
        "now. Say so in one short sentence, and ask how else you can help."
    )


def nudge_prompt(sentence: str) -> str:
    return f'The caller has been silent for a while. Say exactly: "{sentence}"'


def say_prompt(sentence: str) -> str:
    return f'Say exactly: "{sentence}" Then go on.'


def typed_prompt(digits: str) -> str:
    return f"The caller typed {digits} on the phone's keypad."


_WHO = {Speaker.CALLER: "Caller", Speaker.AGENT: "You"}

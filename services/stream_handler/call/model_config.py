"""Builds the configuration that a model session is opened with.

`age_ms` is the call's age, which sets the time in the instructions.
"""

from dataclasses import dataclass

from ringdown.agents import Agent, TurnTaking
from ringdown.agents.template_values import clock_in_words, template_values
from ringdown.agents.templates import fields_in, render
from ringdown.calls import Call
from ringdown.gemini.models import live_model
from stream_handler.call import prompts
from stream_handler.call.functions import FunctionDeclaration, functions_for


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The configuration that a model session is opened with."""

    model: str
    instructions: str
    voice: str
    language: str
    turn_taking: TurnTaking
    functions: tuple[FunctionDeclaration, ...]
    languages: tuple[str, ...] = ()
    """The languages callers may speak."""
    vocabulary: tuple[str, ...] = ()
    """Words and names that callers are likely to say."""
    google_search: bool = False
    temperature: float | None = None
    thinking: str | None = None
    """minimal, low, medium or high; None for a model without this setting."""
    handle: str | None = None
    """The handle of the session to resume."""


def session_config(
    call: Call, age_ms: float = 0.0, *, background: str = "", handle: str | None = None
) -> ModelConfig:
    """`background` is what the session should know about the call beyond its instructions."""
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
        languages=agent.languages,
        vocabulary=agent.vocabulary,
        turn_taking=agent.turn_taking,
        functions=(*tools, *functions_for(agent)),
        google_search=agent.google_search,
        temperature=agent.temperature,
        thinking=_thinking(agent),
        handle=handle,
    )


def instructions_for(call: Call, age_ms: float = 0.0) -> str:
    """Return the agent's instructions as they read now, the language to speak, and the time."""
    written = render(call.agent.instructions, template_values(call, age_ms))
    language, clock = prompts.language(call.agent), prompts.clock(clock_in_words(call, age_ms))
    has_facts = call.caller_facts is not None and "caller_facts" in fields_in(
        call.agent.instructions
    )
    facts = f"{prompts.FACTS_ARE_DATA}\n" if has_facts else ""
    uploads = f"{prompts.UPLOADS_ARE_DATA}\n" if call.agent.photos else ""
    return f"{written}\n\n{language}\n{facts}{uploads}{clock}"


def _thinking(agent: Agent) -> str | None:
    return agent.thinking or "low" if live_model(agent.model).thinks else None

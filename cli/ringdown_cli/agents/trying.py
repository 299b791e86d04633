"""`agents try`: asks the model the examples of an agent or its draft, and checks the answers."""

import argparse
import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from ringdown.agents import Agent, Example
from ringdown.agents.documents import where
from ringdown.agents.template_values import template_values
from ringdown.agents.templates import render
from ringdown.calls import Call
from ringdown.gemini.backend import DeveloperApi
from ringdown.gemini.models import model_on
from ringdown.gemini.session import GeminiLive
from ringdown.tools.client import ToolClient
from ringdown_cli.agents.state import findings_of, read_or_stop, say_problems
from ringdown_cli.agents.trial import (
    CallTool,
    Tried,
    tool_caller,
    trial_call,
    try_example,
)
from ringdown_cli.command import BROKEN, DONE, CannotGoOn, Surroundings
from ringdown_cli.gemini_choice import chosen_gemini
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.terminal import Style, Terminal

_AT_ONCE = 3  # few enough for any key's quota
_STAND_IN_KEY = "stand-in-key"


async def try_examples(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal = surroundings.terminal
    path = where(arguments.agent, draft=arguments.draft)
    async with chosen_store(arguments.store, surroundings) as store:
        stored = await read_or_stop(store, arguments.agent, draft=arguments.draft)
        tools = await store.declared_tools()
        found = findings_of(stored.document, tools, draft=arguments.draft)
        wanted = found.agent.tools if found.agent is not None else ()
        declared = await store.read_tools(tuple(name for name in wanted if name in tools))
    say_problems(terminal, path, found)
    if found.agent is None:
        return BROKEN
    examples = _examples(found.agent, arguments)
    call = trial_call(arguments.agent, found.agent, declared, surroundings.now())
    async with AsyncExitStack() as opened:
        client = None
        if arguments.call_tools:
            client = ToolClient()
            opened.push_async_callback(client.close)
        model = await opened.enter_async_context(
            _model(surroundings.environ, call, examples, terminal)
        )
        return await _try_all(model, call, examples, tool_caller(call, client), terminal)


def _examples(agent: Agent, arguments: argparse.Namespace) -> tuple[Example, ...]:
    if agent.examples:
        return agent.examples
    draft = " --draft" if arguments.draft else ""
    raise CannotGoOn(
        f"{where(arguments.agent, draft=arguments.draft)} has no examples to try. Add some (a"
        f" caller's sentence, and what the answer must contain):"
        f" ringdown agents edit {arguments.agent}{draft}"
    )


@asynccontextmanager
async def _model(
    environ: Mapping[str, str], call: Call, examples: tuple[Example, ...], terminal: Terminal
) -> AsyncIterator[GeminiLive]:
    """Yield the real model if the environment names one, otherwise the stand-in."""
    backend = chosen_gemini(environ)
    if backend is not None:
        model = model_on(backend.api, call.agent.model)
        terminal.say(f"Trying {_count(examples)} with {model} …")
        yield GeminiLive(backend)
        return
    try:
        from ringdown_cli.agents.stand_in_answers import stand_in_scenario
        from simulators.gemini_live.server import GeminiLiveServer
    except ImportError:
        raise CannotGoOn(
            "No model to try with. Set GEMINI_API_KEY, or GEMINI_BACKEND=vertex."
        ) from None
    terminal.say(
        f"Trying {_count(examples)} with a stand-in that only looks up what the instructions say."
    )
    terminal.say("For the real model, set GEMINI_API_KEY, or GEMINI_BACKEND=vertex.")
    instructions = render(call.agent.instructions, template_values(call, 0.0))
    scenario = stand_in_scenario(instructions, examples)
    async with GeminiLiveServer(scenario, api_key=_STAND_IN_KEY) as server:
        tls = ssl.create_default_context(cafile=server.ca_file)
        yield GeminiLive(DeveloperApi(_STAND_IN_KEY, server.base_url), tls=tls)


async def _try_all(
    model: GeminiLive,
    call: Call,
    examples: tuple[Example, ...],
    call_tool: CallTool,
    terminal: Terminal,
) -> int:
    """Try the examples, several in parallel. Print the results in order, each as soon as
    possible."""
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(example: Example) -> Tried:
        async with turn:
            return await try_example(model, call, example, call_tool)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(example)) for example in examples]
        results = []
        for task in tasks:
            results.append(await task)
            _tell(results[-1], terminal)
    good = sum(result.ok for result in results)
    if good == len(results):
        terminal.say("All answers contain what they must.", Style.GOOD)
        return DONE
    terminal.say(f"{len(results) - good} of {len(results)} failed.", Style.BAD)
    return BROKEN


def _tell(result: Tried, terminal: Terminal) -> None:
    sign, style = ("✓", Style.GOOD) if result.ok else ("✗", Style.BAD)
    terminal.say(f"{sign} {result.example.caller}   ({result.took_s:.1f} s)", style)
    if result.answer:
        terminal.say(f"    {result.answer}")
    if result.tools:
        terminal.say(f"    called {', '.join(result.tools)}", Style.FAINT)
    if result.fault is not None:
        terminal.say(f"    {result.fault}")
    elif result.missing:
        terminal.say(f"    missing: {', '.join(f'“{text}”' for text in result.missing)}")


def _count(examples: tuple[Example, ...]) -> str:
    return "1 example" if len(examples) == 1 else f"{len(examples)} examples"

"""`ringdown tools`: lists the tools a model may call, and calls one without a model."""

import argparse
import secrets
from contextlib import suppress

import msgspec

from ringdown.agents import packaged_agent
from ringdown.calls import RETENTION, Call
from ringdown.stores import Store
from ringdown.tools import Json, ToolDeclaration
from ringdown.wording import did_you_mean
from ringdown_cli.command import BROKEN, DONE, CannotGoOn, Commands, Group, Surroundings
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.terminal import Style
from ringdown_cli.wording import json_rows, json_text

_HEADS = ("tool", "state", "within", "agents", "description")


def add_tool_commands(groups: Commands) -> None:
    group = Group(groups, "tools", "list the tools that agents can use, and try one")
    listing = group.add("list", list_tools, "list the declared tools", examples=("tools list",))
    listing.add_argument("--json", action="store_true", help="print JSON, for scripts")
    calling = group.add(
        "call",
        call_tool,
        "call a tool the way a call would, side effects included",
        examples=(
            "tools call lookup_account account_number=123456",
            "tools call check_stock item=pears amount=3 --caller +14155550123",
        ),
    )
    calling.add_argument("tool", metavar="TOOL", help="as `tools list` shows it")
    calling.add_argument(
        "arguments", metavar="NAME=VALUE", nargs="*", help="what the model would pass; JSON or text"
    )
    calling.add_argument("--caller", metavar="NUMBER", default="", help="the caller's number")


async def list_tools(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal = surroundings.terminal
    async with chosen_store(arguments.store, surroundings) as store:
        declared = await store.declared_tools()
        usable = [name for name, tool in declared.items() if tool.problem is None]
        tools = {tool.name: tool for tool in await store.read_tools(tuple(usable))}
        agents = await store.list_agents()
    rows = []
    for name, state in sorted(declared.items()):
        tool = tools.get(name)
        having = [a.agent_id for a in agents if name in _named(a.document)]
        within = f"{tool.timeout_s:g} s" if tool is not None else ""
        about = " ".join(tool.description.split()) if tool is not None else state.problem or ""
        rows.append((name, "ok" if tool is not None else "broken", within, " ".join(having), about))
    if arguments.json:
        terminal.say(json_rows(_HEADS, rows))
    elif rows:
        styles = [Style.PLAIN if row[1] == "ok" else Style.BAD for row in rows]
        terminal.table(_HEADS, rows, styles=styles)
    else:
        terminal.complain("No tools are declared. To make one, see docs/tools.md.")
    return DONE


def _named(document: dict[str, Json]) -> list[Json]:
    """The tools that an agent's document names."""
    return [*(document.get("tools") or ()), document.get("before_call")]


async def call_tool(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    from ringdown.tools.arguments import problems_with
    from ringdown.tools.client import ToolClient
    from ringdown.tools.request import tool_request

    terminal = surroundings.terminal
    async with chosen_store(arguments.store, surroundings) as store:
        tool = await _tool_or_stop(store, arguments.tool)
    args = _arguments(tool, arguments.arguments)
    if problem := problems_with(args, tool.parameters):
        raise CannotGoOn(f"{problem}\nIts parameters:\n{json_text(tool.parameters)}")
    call = _trial(tool, arguments.caller, surroundings)
    key = f"{call.call_sid}/1"
    client = ToolClient()
    try:
        called = await client.call(tool, tool_request(call, tool.name, args, idempotency_key=key))
    finally:
        await client.close()
    answer = called.answer
    if answer.error is not None:
        again = " Calling it again may work." if answer.error.retryable else ""
        terminal.complain(f"{tool.name} failed: {answer.error.message}{again}")
        return BROKEN
    terminal.say(json_text(answer.output))
    return DONE


async def _tool_or_stop(store: Store, name: str) -> ToolDeclaration:
    found = await store.read_tools((name,)) if name else ()
    if found:
        return found[0]
    declared = await store.declared_tools()
    if name in declared:
        raise CannotGoOn(f"{name} can't be called: {declared[name].problem}")
    meant = did_you_mean(name, declared)
    known = f" Tools: {', '.join(sorted(declared))}." if declared else ""
    raise CannotGoOn(f"There is no tool {name}.{meant}{known}")


def _arguments(tool: ToolDeclaration, given: list[str]) -> dict[str, Json]:
    """Parse arguments like NAME=VALUE. A value is text where the tool's parameters say so;
    otherwise it is parsed as JSON if it is valid JSON."""
    properties = tool.parameters.get("properties", {})
    args: dict[str, Json] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise CannotGoOn(f"{text!r} has no value. Write {text}=VALUE.")
        args[name] = value
        if properties.get(name, {}).get("type") != "string":
            with suppress(msgspec.DecodeError):  # then it's text
                args[name] = msgspec.json.decode(value)
    return args


def _trial(tool: ToolDeclaration, caller: str, surroundings: Surroundings) -> Call:
    """Return a call for a trial; it isn't stored, and no phone is involved."""
    agent, now = packaged_agent(), surroundings.now()
    return Call(
        call_sid=f"TRIAL{secrets.token_hex(16)}",
        caller=caller,
        called="",
        agent_id="trial",
        agent=agent,
        agent_revision=agent.revision,
        tools=(tool,),
        created_at=now,
        expires_at=now + RETENTION,
    )

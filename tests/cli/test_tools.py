"""`ringdown tools`: listing tools, and calling them over HTTP the way a call would."""

import asyncio
import json

import msgspec
import pytest

from ringdown.stores import Store
from ringdown.tools import ToolAnswer, ToolDeclaration, ToolRequest
from tests.cli.agents.stored_agents import DOCUMENT, write
from tests.cli.command_line import CommandLine, Ran
from tests.ringdown.samples import a_tool
from tests.tool_server import Reply, serving_tool

PARAMETERS = {
    "type": "object",
    "properties": {
        "item": {"type": "string"},
        "amount": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["item"],
}


def declare(command_line: CommandLine, tool: ToolDeclaration) -> None:
    async def work(store: Store) -> None:
        await store.write_tool(tool)

    command_line.with_store(work)


def called(
    command_line: CommandLine, *argv: str, answer: ToolAnswer
) -> tuple[Ran, list[ToolRequest]]:
    """What `tools call` prints for a tool on this machine, and the request that the tool got."""
    requests: list[ToolRequest] = []

    async def serve(request: ToolRequest) -> Reply:
        requests.append(request)
        return 200, answer

    async def work() -> Ran:
        async with serving_tool(serve) as url:
            tool = msgspec.structs.replace(a_tool("check_stock"), url=url, parameters=PARAMETERS)
            await asyncio.to_thread(declare, command_line, tool)
            return await asyncio.to_thread(command_line.run, "tools", "call", "check_stock", *argv)

    return asyncio.run(work()), requests


def test_tools_are_listed_with_the_agents_that_have_them(command_line: CommandLine) -> None:
    declare(command_line, a_tool())
    write(command_line, {**DOCUMENT, "tools": ["lookup_account"]})
    (row,) = json.loads(command_line.run("tools", "list", "--json").said)
    assert row == {
        "tool": "lookup_account",
        "state": "ok",
        "within": "10 s",
        "agents": "shop",
        "description": "Looks up.",
    }


def test_a_tool_is_called_with_values_of_its_parameters_kinds(command_line: CommandLine) -> None:
    ran, (request,) = called(
        command_line,
        *("item=12", "amount=3", 'tags=["red"]', "--caller", "+14155550123"),
        answer=ToolAnswer(output={"left": 7}),
    )
    assert ran.status == 0, ran.all
    assert json.loads(ran.said) == {"left": 7}
    assert request.args == {"item": "12", "amount": 3, "tags": ["red"]}
    assert (request.name, request.call.caller) == ("check_stock", "+14155550123")


def test_a_tool_that_fails_says_what_the_model_would_be_told(command_line: CommandLine) -> None:
    ran, _ = called(
        command_line, "item=pears", answer=ToolAnswer.failed("No such item.", retryable=True)
    )
    assert ran.status == 1
    assert ran.complained == ("check_stock failed: No such item. Calling it again may work.\n")


def test_arguments_that_do_not_fit_are_told_before_anything_is_done(
    command_line: CommandLine,
) -> None:
    ran, requests = called(command_line, "amount=many", answer=ToolAnswer(output={}))
    assert (ran.status, requests) == (1, [])
    assert "The arguments do not fit: " in ran.complained
    assert '"amount"' in ran.complained


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("lookup_acount",), "Did you mean lookup_account? Tools: lookup_account."),
        (("lookup_account", "account"), "'account' has no value. Write account=VALUE."),
    ],
)
def test_a_slip_is_told(command_line: CommandLine, argv: tuple[str, ...], told: str) -> None:
    declare(command_line, a_tool())
    ran = command_line.run("tools", "call", *argv)
    assert ran.status == 1
    assert told in ran.complained

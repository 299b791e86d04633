import pytest

from ringdown.stores import Store
from tests.cli.agents.stored_agents import save
from tests.cli.command_line import CommandLine
from tests.ringdown.samples import a_tool


@pytest.fixture
def shop(command_line: CommandLine) -> CommandLine:
    """A store with a tool, and with the agent `shop`, saved once."""

    async def declare(store: Store) -> None:
        await store.write_tool(a_tool())

    command_line.with_store(declare)
    save(command_line)
    return command_line

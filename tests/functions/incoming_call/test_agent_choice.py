import asyncio
from dataclasses import replace

import pytest

from agent_choice import AgentChoice, ChosenAgent
from ringdown.agents import Agent, packaged_agent
from ringdown.errors import InvalidDocument, StoreUnavailable
from ringdown.tools import ToolDeclaration
from tests.ringdown.samples import CALLED, CALLER, a_tool, an_agent

LOOKUP = an_agent(tools=("lookup_account",))
PACKAGED = ChosenAgent("default", packaged_agent(), ())


class FakeSource:
    """A store that answers, fails or hangs, as it is told."""

    def __init__(self) -> None:
        self.agent: Agent | Exception | None = LOOKUP
        self.tools: tuple[ToolDeclaration, ...] | Exception = (a_tool(),)
        self.hang_on_agents = False
        self.hang_on_tools = False

    async def agent_for(self, number: str) -> tuple[str, Agent] | None:
        if self.hang_on_agents:
            await asyncio.Event().wait()
        if isinstance(self.agent, Exception):
            raise self.agent
        return None if self.agent is None else (f"agent of {number}", self.agent)

    async def write_agent(self, agent_id: str, agent: Agent) -> None:
        raise NotImplementedError

    async def write_number(self, number: str, agent_id: str) -> None:
        raise NotImplementedError

    async def read_tools(self, names: tuple[str, ...]) -> tuple[ToolDeclaration, ...]:
        if self.hang_on_tools:
            await asyncio.Event().wait()
        if isinstance(self.tools, Exception):
            raise self.tools
        return self.tools

    async def write_tool(self, tool: ToolDeclaration) -> None:
        raise NotImplementedError


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


async def choose(source: FakeSource, agents: AgentChoice, called: str = CALLED) -> ChosenAgent:
    """The choice, which must be made within 300 ms (and a margin for a busy machine)."""
    async with asyncio.timeout(1.0):
        return await agents.choose(source, called, CALLER)


async def test_the_stored_agent_and_its_tools(source: FakeSource) -> None:
    chosen = await choose(source, AgentChoice())
    assert chosen == ChosenAgent(f"agent of {CALLED}", LOOKUP, (a_tool(),))


async def test_none_stored_means_the_packaged_agent_with_its_tools(source: FakeSource) -> None:
    source.agent = None
    chosen = await choose(source, AgentChoice())
    assert chosen == ChosenAgent("default", packaged_agent(), (a_tool(),))


@pytest.mark.parametrize("failure", [StoreUnavailable("away"), InvalidDocument("bad"), None])
async def test_a_store_that_fails_leaves_the_last_known_agent(
    source: FakeSource, failure: Exception | None
) -> None:
    agents = AgentChoice()
    known = await choose(source, agents)
    if failure is None:
        source.hang_on_agents = True
    else:
        source.agent = failure
    chosen = await choose(source, agents)
    assert replace(chosen, problem=None) == known
    reason = str(failure) if failure is not None else "the store was too slow"
    assert chosen.problem == f"The agent could not be read: {reason}."
    stranger = await choose(source, agents, "+14155550101")
    assert replace(stranger, problem=None) == PACKAGED, "known for its number only"


@pytest.mark.parametrize("failure", [StoreUnavailable("away"), None])
async def test_tools_that_cannot_be_read_leave_the_agent_without(
    source: FakeSource, failure: Exception | None
) -> None:
    if failure is None:
        source.hang_on_tools = True
    else:
        source.tools = failure
    chosen = await choose(source, AgentChoice())
    assert chosen == ChosenAgent(f"agent of {CALLED}", LOOKUP, ())


async def test_tools_that_cannot_be_read_are_the_last_known_of_the_same_names(
    source: FakeSource,
) -> None:
    agents = AgentChoice()
    await choose(source, agents)
    source.tools = StoreUnavailable("away")
    source.agent = an_agent(greeting="Edited.", tools=LOOKUP.tools)
    assert (await choose(source, agents)).tools == (a_tool(),)
    source.agent = an_agent(tools=("another",))
    assert (await choose(source, agents)).tools == ()


async def test_only_so_many_numbers_are_remembered(source: FakeSource) -> None:
    agents = AgentChoice()
    numbers = [f"+1415555{n:04}" for n in range(257)]
    for number in numbers:
        await choose(source, agents, number)
    source.agent = StoreUnavailable("away")
    assert (await choose(source, agents, numbers[0])).agent == PACKAGED.agent
    assert (await choose(source, agents, numbers[1])).agent == LOOKUP

import asyncio
import datetime
from dataclasses import replace

import msgspec
import pytest

from ringdown.agents import packaged_agent
from ringdown.agents.store import Line, Revision
from ringdown.errors import InvalidDocument, StoreUnavailable
from ringdown.tools import ASK_FOR_PHOTO, ToolDeclaration
from tests.jumping_loop import in_virtual_time, virtual_time
from tests.ringdown.kept_agents import KeptAgents
from tests.ringdown.samples import CALLED, CALLER, NOW, a_tool, an_agent
from voice_webhook.agent_choice import (
    DEADLINE_S,
    FIRST_DEADLINE_S,
    KEEP_WITHIN_S,
    AgentChoice,
    ChosenAgent,
)

LOOKUP = an_agent(tools=("lookup_account",))
LATER = NOW + datetime.timedelta(minutes=3)
HANG = TimeoutError("never answers")
PACKAGED = ChosenAgent("default", packaged_agent(), ())


class FakeSource(KeptAgents):
    """A store that responds, fails or hangs on request."""

    def __init__(self) -> None:
        super().__init__()
        self.edit("agents/default", msgspec.to_builtins(LOOKUP))
        self.declared: tuple[ToolDeclaration, ...] = (a_tool(),)
        self.agents_fail: Exception | None = None
        self.tools_fail: Exception | None = None
        self.slow_s = 0.0

    async def read_line(self, called: str) -> Line:
        await fail(self.agents_fail)
        await asyncio.sleep(self.slow_s)
        return await super().read_line(called)

    async def keep_revision(self, agent_id: str, revision: Revision) -> None:
        await fail(self.agents_fail)
        await super().keep_revision(agent_id, revision)

    async def read_tools(self, names: tuple[str, ...]) -> tuple[ToolDeclaration, ...]:
        await fail(self.tools_fail)
        return tuple(tool for tool in self.declared if tool.name in names)

    async def write_tool(self, tool: ToolDeclaration) -> None:
        raise NotImplementedError


async def fail(error: Exception | None) -> None:
    if error is HANG:
        await asyncio.Event().wait()
    if error is not None:
        raise error


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


async def choose(source: FakeSource, agents: AgentChoice, called: str = CALLED) -> ChosenAgent:
    """Choose the agent, which must happen in time."""
    async with asyncio.timeout(FIRST_DEADLINE_S + 1.0):
        return await agents.choose(source, called, CALLER)


async def test_the_stored_agent_and_its_tools(source: FakeSource) -> None:
    source.edit("agents/night", msgspec.to_builtins(LOOKUP))
    await source.write_number(CALLED, "night")
    chosen = await choose(source, AgentChoice())
    assert chosen == ChosenAgent("night", LOOKUP, (a_tool(),), is_current=True)


async def test_none_stored_means_the_packaged_agent_with_its_tools(source: FakeSource) -> None:
    source.remove("agents/default")
    chosen = await choose(source, AgentChoice())
    assert chosen == ChosenAgent("default", packaged_agent(), (a_tool(),))


async def test_a_broken_agent_that_was_never_good_is_told_and_the_packaged_one_answers(
    source: FakeSource,
) -> None:
    source.edit("agents/default", {"greeting": 7})
    chosen = await choose(source, AgentChoice())
    assert (chosen.agent, chosen.is_current) == (PACKAGED.agent, False)
    assert chosen.problem is not None
    assert "greeting" in chosen.problem


async def test_a_broken_agent_of_which_no_revision_was_kept_is_the_last_known(
    source: FakeSource,
) -> None:
    agents = AgentChoice()
    await choose(source, agents)
    source.set_field("agents/default", greeting=7)
    chosen = await choose(source, agents)
    assert (chosen.agent, chosen.is_current) == (LOOKUP, False)
    assert "greeting" in str(chosen.problem)


async def test_a_draft_is_heard_by_its_tester_and_remembered_for_nobody(
    source: FakeSource,
) -> None:
    draft = an_agent(greeting="Soon.", tools=("lookup_account",))
    source.edit("drafts/default", msgspec.to_builtins(draft) | {"testers": [CALLER]})
    agents = AgentChoice()
    assert await choose(source, agents) == ChosenAgent("default", draft, (a_tool(),), is_draft=True)
    source.agents_fail = StoreUnavailable("away")
    assert (await choose(source, agents)).agent == PACKAGED.agent


# Revisions


async def test_what_answers_is_kept_as_a_revision_once_in_a_row(source: FakeSource) -> None:
    agents = AgentChoice()
    first = await choose(source, agents)
    for at in (NOW, LATER):
        await agents.keep_revision(source, first, at)
    assert [kept.seen_at for kept in await source.list_revisions("default")] == [NOW]
    source.set_field("agents/default", greeting="Edited.")
    await agents.keep_revision(source, await choose(source, agents), NOW)
    await agents.keep_revision(source, first, LATER)
    kept = await source.list_revisions("default")
    assert len(kept) == 2
    assert kept[0].agent == LOOKUP, "the revision must be the one that was restored"


@pytest.mark.parametrize("is_draft", [False, True])
async def test_what_operators_did_not_write_last_is_not_kept(
    source: FakeSource, is_draft: bool
) -> None:
    agents = AgentChoice()
    chosen = replace(await choose(source, agents), is_current=False, is_draft=is_draft)
    await agents.keep_revision(source, chosen, NOW)
    assert await source.list_revisions("default") == ()


@virtual_time
async def test_a_revision_that_could_not_be_kept_is_tried_again_and_harms_nobody(
    source: FakeSource,
) -> None:
    agents = AgentChoice()
    chosen = await choose(source, agents)
    for failure in (StoreUnavailable("away"), HANG):
        source.agents_fail = failure
        async with asyncio.timeout(KEEP_WITHIN_S + 1.0):
            await agents.keep_revision(source, chosen, NOW)
    source.agents_fail = None
    await agents.keep_revision(source, chosen, NOW)
    assert len(await source.list_revisions("default")) == 1


# A store that fails


@pytest.mark.parametrize("failure", [StoreUnavailable("away"), InvalidDocument("bad"), HANG])
@virtual_time
async def test_a_store_that_fails_leaves_the_last_known_agent(
    source: FakeSource, failure: Exception
) -> None:
    agents = AgentChoice()
    known = await choose(source, agents)
    source.agents_fail = failure
    chosen = await choose(source, agents)
    assert replace(chosen, problem=None, is_current=True) == known
    reason = "the store was too slow" if failure is HANG else str(failure)
    assert chosen.problem == f"The agent could not be read: {reason}."
    stranger = await choose(source, agents, "+14155550101")
    assert replace(stranger, problem=None) == PACKAGED, (
        "an agent must be remembered only for its own number"
    )


def test_a_process_that_knows_no_agent_yet_waits_longer_for_the_first() -> None:
    async def story() -> None:
        source, agents = FakeSource(), AgentChoice()
        source.slow_s = FIRST_DEADLINE_S - 0.1
        assert (await choose(source, agents)).agent == LOOKUP
        source.edit("agents/default", msgspec.to_builtins(an_agent(greeting="Edited.")))
        began_s = asyncio.get_running_loop().time()
        assert (await choose(source, agents)).agent == LOOKUP, "the last known agent must answer"
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(DEADLINE_S, abs=0.001)

    in_virtual_time(story())


@pytest.mark.parametrize("failure", [StoreUnavailable("away"), HANG])
@virtual_time
async def test_tools_that_cannot_be_read_leave_the_agent_without(
    source: FakeSource, failure: Exception
) -> None:
    source.tools_fail = failure
    chosen = await choose(source, AgentChoice())
    assert chosen == ChosenAgent("default", LOOKUP, (), is_current=True)


async def test_tools_that_cannot_be_read_are_the_last_known_of_the_same_names(
    source: FakeSource,
) -> None:
    agents = AgentChoice()
    await choose(source, agents)
    source.tools_fail = StoreUnavailable("away")
    source.set_field("agents/default", greeting="Edited.")
    assert (await choose(source, agents)).tools == (a_tool(),)
    source.set_field("agents/default", tools=["another"])
    assert (await choose(source, agents)).tools == ()


async def test_only_so_many_numbers_are_remembered(source: FakeSource) -> None:
    agents = AgentChoice()
    numbers = [f"+1415555{n:04}" for n in range(257)]
    for number in numbers:
        await choose(source, agents, number)
    source.agents_fail = StoreUnavailable("away")
    assert (await choose(source, agents, numbers[0])).agent == PACKAGED.agent
    assert (await choose(source, agents, numbers[1])).agent == LOOKUP


PHOTO_LINK = a_tool(ASK_FOR_PHOTO)


async def test_an_agent_with_photos_has_the_tool_that_asks_for_them(source: FakeSource) -> None:
    source.declared = (a_tool(), PHOTO_LINK)
    source.edit("agents/default", msgspec.to_builtins(msgspec.structs.replace(LOOKUP, photos=True)))
    assert (await choose(source, AgentChoice())).tools == (a_tool(), PHOTO_LINK)


async def test_naming_that_tool_is_not_enough(source: FakeSource) -> None:
    source.declared = (a_tool(), PHOTO_LINK)
    agent = an_agent(tools=("lookup_account", ASK_FOR_PHOTO))
    source.edit("agents/default", msgspec.to_builtins(agent))
    assert (await choose(source, AgentChoice())).tools == (a_tool(),)

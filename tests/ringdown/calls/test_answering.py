"""Which agent answers, whatever operators have just done to the documents."""

import datetime

import msgspec
import pytest

from ringdown.agents import Agent
from ringdown.agents.check import findings
from ringdown.agents.store import Revision
from ringdown.calls.answering import Answering, answering
from ringdown.tools import Json
from tests.ringdown.kept_agents import KeptAgents
from tests.ringdown.samples import CALLED, CALLER, NOW

GOOD: dict[str, Json] = {"instructions": "Be brief.", "greeting": "Good."}
BETTER: dict[str, Json] = GOOD | {"greeting": "Better."}
BROKEN: dict[str, Json] = GOOD | {"greeting": "Broken.", "voice": "Korr"}
DRAFT: dict[str, Json] = GOOD | {"greeting": "Draft.", "testers": [CALLER]}
STRANGER = "+14155550177"


@pytest.fixture
def agents() -> KeptAgents:
    return KeptAgents()


async def keep(agents: KeptAgents, agent_id: str, document: dict[str, Json], hour: int = 0) -> None:
    agent = Agent(**document)
    seen_at = NOW + datetime.timedelta(hours=hour)
    revision = Revision(revision=agent.revision, agent=agent, seen_at=seen_at)
    await agents.keep_revision(agent_id, revision)


async def answer(agents: KeptAgents, caller: str = CALLER) -> Answering:
    found = await answering(agents, CALLED, caller)
    assert found is not None, "no agent answered"
    return found


async def test_the_agent_as_it_is_written_answers_with_one_read(agents: KeptAgents) -> None:
    agents.edit("agents/default", GOOD)
    assert await answer(agents) == Answering(agent_id="default", agent=Agent(**GOOD))
    assert agents.reads == 1


async def test_an_edit_is_in_the_next_answer(agents: KeptAgents) -> None:
    for n in range(100):
        agents.edit("agents/default", GOOD | {"greeting": f"Edit {n}."})
        assert (await answer(agents)).agent.greeting == f"Edit {n}."


async def test_a_number_is_answered_by_its_own_agent(agents: KeptAgents) -> None:
    agents.edit("agents/default", GOOD)
    agents.edit("agents/night", BETTER)
    await agents.write_number(CALLED, "night")
    found = await answer(agents)
    assert (found.agent_id, found.agent.greeting) == ("night", "Better.")


async def test_unknown_fields_and_tools_take_no_line_down(agents: KeptAgents) -> None:
    agents.edit("agents/default", GOOD | {"voise": "Puck", "tools": ["unknown"]})
    found = await answer(agents)
    assert (found.agent.voice, found.problem) == ("Kore", None)


async def test_the_last_good_revision_answers_for_a_broken_one(agents: KeptAgents) -> None:
    agents.edit("agents/default", BROKEN)
    await keep(agents, "default", BETTER, hour=2)
    await keep(agents, "default", GOOD, hour=1)
    found = await answer(agents)
    assert found.agent.greeting == "Better."
    assert found.revision == Agent(**BETTER).revision
    assert found.problem is not None
    assert 'there is no voice "Korr"' in found.problem


async def test_a_document_that_is_gone_is_answered_by_its_last_version(agents: KeptAgents) -> None:
    await keep(agents, "default", GOOD)
    found = await answer(agents)
    assert (found.agent.greeting, found.problem) == ("Good.", "agents/default does not exist.")


@pytest.mark.parametrize("night", [None, BROKEN])
async def test_the_default_agent_answers_for_one_that_never_was_good(
    agents: KeptAgents, night: dict[str, Json] | None
) -> None:
    agents.edit("agents/default", GOOD)
    if night is not None:
        agents.edit("agents/night", night)
    await agents.write_number(CALLED, "night")
    found = await answer(agents)
    assert (found.agent_id, found.agent.greeting) == ("default", "Good.")
    assert found.problem is not None
    assert ("does not exist" if night is None else "Korr") in found.problem


@pytest.mark.parametrize("document", [None, BROKEN])
async def test_nobody_answers_where_nothing_good_ever_was(
    agents: KeptAgents, document: dict[str, Json] | None
) -> None:
    if document is not None:
        agents.edit("agents/default", document)
    assert await answering(agents, CALLED, CALLER) is None


async def test_a_console_that_saves_field_by_field_never_breaks_a_call(agents: KeptAgents) -> None:
    """Go from one good version to another through every half-done state."""
    agents.edit("agents/default", GOOD)
    await keep(agents, "default", GOOD)
    half_done: list[dict[str, Json]] = [
        {"voice": "K"},
        {"voice": "Puck", "idle": {"nudge_after_s": 50}},
        {"idle": {"nudge_after_s": 50, "goodbye_after_s": 90}, "transfer_numbers": {"b": ""}},
        {"transfer_numbers": {"b": "+14155550111"}, "instructions": ""},
        {"instructions": "Transfer."},
    ]
    heard = []
    for fields in half_done:
        agents.set_field("agents/default", **fields)
        found = await answer(agents)
        assert found.agent == findings(msgspec.to_builtins(found.agent)).agent
        heard.append((found.agent.voice, found.problem is not None))
    assert heard == [("Kore", True)] * 4 + [("Puck", False)]


# Drafts


async def test_a_draft_answers_its_testers_only(agents: KeptAgents) -> None:
    agents.edit("agents/default", GOOD)
    agents.edit("drafts/default", DRAFT)
    tester, stranger = await answer(agents), await answer(agents, STRANGER)
    assert (tester.agent.greeting, tester.is_draft) == ("Draft.", True)
    assert (stranger.agent.greeting, stranger.is_draft, stranger.problem) == ("Good.", False, None)


async def test_a_tester_of_a_broken_draft_hears_the_agent_and_the_record_says_why(
    agents: KeptAgents,
) -> None:
    agents.edit("agents/default", GOOD)
    agents.edit("drafts/default", DRAFT | {"voice": "Korr"})
    tester, stranger = await answer(agents), await answer(agents, STRANGER)
    assert (tester.agent.greeting, tester.is_draft) == ("Good.", False)
    assert tester.problem is not None
    assert tester.problem.startswith("The draft can't be used.\nvoice: ")
    assert stranger.problem is None


async def test_a_draft_answers_its_testers_before_there_is_an_agent(agents: KeptAgents) -> None:
    agents.edit("agents/default", GOOD)
    agents.edit("drafts/night", DRAFT)
    await agents.write_number(CALLED, "night")
    assert (await answer(agents)).agent.greeting == "Draft."
    assert (await answer(agents, STRANGER)).agent_id == "default"


@pytest.mark.parametrize("testers", [None, [], [7], CALLER, {"me": CALLER}, [CALLER[1:]]])
async def test_a_draft_whose_testers_are_unclear_answers_nobody(
    agents: KeptAgents, testers: Json
) -> None:
    agents.edit("agents/default", GOOD)
    agents.edit("drafts/default", DRAFT | {"testers": testers})
    found = await answer(agents)
    assert (found.agent.greeting, found.is_draft) == ("Good.", False)


@pytest.mark.parametrize("caller", ["anonymous", "sip:desk@example.com", ""])
async def test_a_caller_without_a_number_tests_nothing(agents: KeptAgents, caller: str) -> None:
    agents.edit("agents/default", GOOD)
    agents.edit("drafts/default", DRAFT | {"testers": [caller]})
    assert not (await answer(agents, caller)).is_draft

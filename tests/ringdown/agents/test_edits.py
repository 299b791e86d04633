"""An edit leads to a status, a revision or a published draft, and to nothing else."""

import datetime

import pytest

from ringdown.agents import Agent
from ringdown.agents.edits import look_at_edit, publish
from ringdown.agents.store import AgentStatus, Edit, Rollback
from ringdown.errors import Conflict
from ringdown.tools import DeclaredTool, Json
from tests.ringdown.kept_agents import KeptAgents
from tests.ringdown.samples import CALLER, NOW

GOOD: dict[str, Json] = {"instructions": "Be brief.", "greeting": "Good."}
BETTER: dict[str, Json] = GOOD | {"greeting": "Better."}
BROKEN: dict[str, Json] = GOOD | {"voice": "Korr"}
DRAFT: dict[str, Json] = GOOD | {"greeting": "Draft.", "testers": [CALLER]}


@pytest.fixture
def agents() -> KeptAgents:
    return KeptAgents()


def revision_of(document: dict[str, Json]) -> str:
    return Agent(**document).revision


async def look(agents: KeptAgents, *, hour: int = 0, draft: bool = False) -> AgentStatus | None:
    now = NOW + datetime.timedelta(hours=hour)
    return await look_at_edit(agents, "default", now, draft=draft)


async def events_of(agents: KeptAgents, *, draft: bool = False) -> int:
    """Handle an edit and, as the platform would, each write it causes. Returns their number."""
    folder = "drafts" if draft else "agents"
    pending, looked_at = 1, 0
    while pending:
        before = len(agents.writes)
        await look(agents, draft=draft)
        looked_at += 1
        assert looked_at < 10, f"edits keep causing more edits: {agents.writes}"
        causing = [p for p in agents.writes[before:] if p == f"{folder}/default"]
        pending += len(causing) - 1
    return looked_at


async def test_a_good_edit_is_kept_and_said_to_be_good(agents: KeptAgents) -> None:
    agents.edit("agents/default", GOOD)
    status = await look(agents)
    assert status == AgentStatus(ok=True, revision=revision_of(GOOD), error=None, checked_at=NOW)
    assert agents.statuses["agents/default"] == status
    [kept] = await agents.list_revisions("default")
    assert (kept.revision, kept.agent, kept.seen_at) == (revision_of(GOOD), Agent(**GOOD), NOW)


async def test_who_edited_is_kept_even_if_the_event_came_first(agents: KeptAgents) -> None:
    edit = Edit(at=NOW, by="anna@example.com", why="The price has changed.")
    agents.edit("agents/default", GOOD)
    await look(agents, hour=1)
    await look_at_edit(agents, "default", NOW, edit=edit)
    [kept] = await agents.list_revisions("default")
    assert kept.edits == (edit,)


async def test_a_broken_edit_is_nobodys_revision(agents: KeptAgents) -> None:
    agents.edit("agents/default", BROKEN)
    await look_at_edit(agents, "default", NOW, edit=Edit(at=NOW, by="anna@example.com"))
    assert await agents.list_revisions("default") == ()


async def test_a_rollback_is_kept_as_one(agents: KeptAgents) -> None:
    agents.edit("agents/default", GOOD)
    rollback = Rollback(at=NOW, by="anna@example.com", given_up=revision_of(BETTER))
    await look_at_edit(agents, "default", NOW, edit=rollback)
    [kept] = await agents.list_revisions("default")
    assert (kept.edits, kept.rollbacks) == ((), (rollback,))


async def test_who_publishes_a_draft_is_kept_with_the_agents_revision(agents: KeptAgents) -> None:
    agents.edit("agents/default", GOOD)
    agents.edit("drafts/default", DRAFT)
    draft = await agents.read_agent("default", draft=True)
    assert draft is not None
    edit = Edit(at=NOW, by="anna@example.com", why="Testers like it.")
    status = await publish(agents, draft, NOW, edit)
    assert status is not None
    assert set(agents.documents) == {"agents/default"}
    by_name = {kept.revision: kept.edits for kept in await agents.list_revisions("default")}
    assert by_name == {revision_of(GOOD): (), status.revision: (edit,)}


async def test_a_broken_edit_is_told_with_the_revision_that_answers(agents: KeptAgents) -> None:
    agents.edit("agents/default", GOOD)
    await look(agents)
    agents.edit("agents/default", BROKEN)
    status = await look(agents, hour=1)
    assert status is not None
    assert (status.ok, status.revision) == (False, revision_of(GOOD))
    assert status.error is not None
    first, second = status.error.splitlines()
    assert first == f"Until you correct this, revision {revision_of(GOOD)} answers calls:"
    assert second.startswith('voice: there is no voice "Korr". Did you mean Kore?')


async def test_a_broken_first_version_is_answered_for_by_the_packaged_agent(
    agents: KeptAgents,
) -> None:
    agents.edit("agents/default", BROKEN)
    status = await look(agents)
    assert status is not None
    assert status.revision is None
    assert status.error is not None
    assert status.error.startswith("Until you correct this, the agent that ships with Ringdown")
    agents.edit("agents/night", BROKEN)
    status = await look_at_edit(agents, "night", NOW)
    assert status is not None
    assert status.error is not None
    assert status.error.startswith("Until you correct this, the default agent answers calls:")


async def test_small_mistakes_are_told_of_a_version_that_answers(agents: KeptAgents) -> None:
    agents.edit("agents/default", GOOD | {"voise": "Puck", "tools": ["lookup_acount"]})
    status = await look(agents)
    assert status is not None
    assert status.ok
    assert status.error is not None
    assert status.error.splitlines() == [
        "This version answers calls, but:",
        "voise: unknown field. Did you mean voice?",
        (
            'tools: there is no tool "lookup_acount". Did you mean lookup_account?'
            " Tools: lookup_account."
        ),
    ]


async def test_what_is_worth_knowing_is_told_apart_from_what_to_correct() -> None:
    tool = DeclaredTool(simplifications=("size as text",))
    agents = KeptAgents(tools={"check_stock": tool})
    agents.edit("agents/default", GOOD | {"tools": ["check_stock"], "temperature": 0.5})
    status = await look(agents)
    assert status is not None
    assert (status.ok, status.error) == (True, None)
    assert status.notes is not None
    assert [note.partition(":")[0] for note in status.notes.splitlines()] == [
        "temperature",
        "tools",
    ]
    agents.edit("agents/default", GOOD)
    status = await look(agents, hour=1)
    assert status is not None
    assert status.notes is None


async def test_a_draft_is_told_of_it_too(agents: KeptAgents) -> None:
    agents.edit("drafts/default", DRAFT | {"temperature": 0.5})
    status = await look(agents, draft=True)
    assert status is not None
    assert status.notes is not None
    assert status.notes.startswith("temperature: gemini-3.8-live may ignore it")


async def test_a_long_list_of_mistakes_is_cut(agents: KeptAgents) -> None:
    agents.edit("agents/default", GOOD | {"examples": [7] * 90})
    status = await look(agents)
    assert status is not None
    assert status.error is not None
    assert len(status.error.splitlines()) == 12
    assert status.error.endswith("… and 10 more.")


@pytest.mark.parametrize("document", [GOOD, BROKEN, GOOD | {"voise": "Puck"}])
async def test_one_edit_is_one_write_of_the_document(
    agents: KeptAgents, document: dict[str, Json]
) -> None:
    agents.edit("agents/default", document)
    agents.writes.clear()
    assert await events_of(agents) == 2, "one event for the edit, one for the status"
    assert agents.writes.count("agents/default") == 1


async def test_the_same_event_twice_and_late_ones_write_nothing(agents: KeptAgents) -> None:
    agents.edit("agents/default", GOOD)
    agents.edit("agents/default", BETTER)
    await look(agents)
    agents.writes.clear()
    await look(agents, hour=1)
    await look(agents, hour=2)
    assert agents.writes == []


async def test_a_status_that_somebody_wrote_over_is_set_right(agents: KeptAgents) -> None:
    agents.edit("agents/default", BROKEN)
    wrong = AgentStatus(ok=True, revision="0" * 12, error=None, checked_at=NOW)
    await agents.write_status("default", wrong)
    status = await look(agents)
    assert status is not None
    assert not status.ok
    assert agents.statuses["agents/default"] == status


async def test_going_back_makes_the_old_revision_the_last_one(agents: KeptAgents) -> None:
    for hour, document in enumerate([GOOD, BETTER, GOOD, BROKEN]):
        agents.edit("agents/default", document)
        status = await look(agents, hour=hour)
    assert status is not None
    assert status.revision == revision_of(GOOD)
    kept = await agents.list_revisions("default")
    assert [revision.revision for revision in kept] == [revision_of(GOOD), revision_of(BETTER)]


async def test_an_agent_that_is_gone_stays_gone(agents: KeptAgents) -> None:
    agents.edit("agents/default", GOOD)
    agents.remove("agents/default")
    agents.writes.clear()
    assert await look(agents) is None
    assert await look(agents, draft=True) is None
    assert agents.writes == []


# Drafts


async def test_a_draft_gets_its_own_status_and_no_revision_is_kept(agents: KeptAgents) -> None:
    agents.edit("agents/default", GOOD)
    await look(agents)
    agents.edit("drafts/default", DRAFT)
    status = await look(agents, hour=1, draft=True)
    assert status is not None
    assert (status.ok, status.error) == (True, None)
    assert agents.statuses["drafts/default"] == status
    last = await agents.last_revision("default")
    assert last is not None
    assert last.revision == revision_of(GOOD), "a draft must never stand in for a broken agent"
    agents.writes.clear()
    assert await events_of(agents, draft=True) == 1


async def test_a_broken_draft_is_told_and_never_published(agents: KeptAgents) -> None:
    agents.edit("agents/default", GOOD)
    agents.edit("drafts/default", DRAFT | {"voice": "Korr", "publish": True})
    status = await look(agents, draft=True)
    assert status is not None
    assert not status.ok
    assert status.error is not None
    assert status.error.startswith("No one hears this draft until you correct this:\nvoice: ")
    assert agents.documents["agents/default"] == GOOD


async def test_a_published_draft_becomes_the_agent_and_is_gone(agents: KeptAgents) -> None:
    agents.edit("agents/default", GOOD)
    agents.edit("drafts/default", DRAFT | {"publish": True})
    status = await look(agents, draft=True)
    published = GOOD | {"greeting": "Draft."}
    assert agents.documents == {"agents/default": published}
    assert status is not None
    assert (status.ok, status.revision) == (True, revision_of(published))
    kept = [revision.revision for revision in await agents.list_revisions("default")]
    assert set(kept) == {revision_of(published), revision_of(GOOD)}, "the replaced one must be kept"
    last = await agents.last_revision("default")
    assert last is not None
    assert last.revision == revision_of(published), "the replaced revision would answer calls"


async def test_a_draft_can_be_the_first_version_of_an_agent(agents: KeptAgents) -> None:
    agents.edit("drafts/default", DRAFT | {"publish": True})
    await look(agents, draft=True)
    assert agents.documents == {"agents/default": GOOD | {"greeting": "Draft."}}


async def test_an_event_of_a_draft_that_is_published_already_does_nothing(
    agents: KeptAgents,
) -> None:
    agents.edit("drafts/default", DRAFT | {"publish": True})
    await look(agents, draft=True)
    agents.edit("agents/default", BETTER)
    assert await look(agents, draft=True) is None
    assert agents.documents == {"agents/default": BETTER}


async def test_a_draft_is_published_over_an_edit_made_meanwhile_which_is_kept(
    agents: KeptAgents,
) -> None:
    agents.edit("agents/default", GOOD)
    agents.edit("drafts/default", DRAFT | {"publish": True})
    agents.meanwhile = lambda: agents.edit("agents/default", BETTER)
    await look(agents, draft=True)
    assert agents.documents == {"agents/default": GOOD | {"greeting": "Draft."}}
    kept = {revision.revision for revision in await agents.list_revisions("default")}
    assert revision_of(BETTER) in kept


async def test_a_draft_that_is_edited_while_it_is_published_is_not_lost(
    agents: KeptAgents,
) -> None:
    newer = DRAFT | {"greeting": "Newer draft."}
    agents.edit("drafts/default", DRAFT | {"publish": True})
    agents.meanwhile = lambda: agents.edit("drafts/default", newer)
    await look(agents, draft=True)
    assert agents.documents["drafts/default"] == newer


async def test_publishing_gives_up_when_others_never_stop_editing(agents: KeptAgents) -> None:
    def edit_again() -> None:
        agents.set_field("agents/default", max_call_s=100 + len(agents.writes))
        agents.meanwhile = edit_again

    agents.edit("agents/default", GOOD)
    agents.edit("drafts/default", DRAFT | {"publish": True})
    agents.meanwhile = edit_again
    with pytest.raises(Conflict, match="publish the draft again"):
        await look(agents, draft=True)
    assert "drafts/default" in agents.documents

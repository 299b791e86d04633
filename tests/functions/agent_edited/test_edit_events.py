import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.exceptions import HTTPException

from agent_edits.edit_events import EditedDocument, edited_document, take_edit
from ringdown.agents.store import AgentStore, StoredAgent
from ringdown.errors import StoreUnavailable
from ringdown.tools import Json
from tests.ringdown.kept_agents import KeptAgents
from tests.ringdown.samples import CALLER, NOW

GOOD: dict[str, Json] = {"instructions": "Be brief.", "greeting": "Good."}


@pytest.fixture
def agents() -> KeptAgents:
    return KeptAgents()


async def take(agents: KeptAgents, document: str, *, times: int = 1) -> None:
    @asynccontextmanager
    async def opened() -> AsyncIterator[AgentStore]:
        yield agents

    for _ in range(times):
        await take_edit({"document": document}, open_agents=opened, now=NOW)


@pytest.mark.parametrize(
    ("attributes", "edited"),
    [
        ({"document": "agents/default"}, EditedDocument("default", is_draft=False)),
        ({"document": "drafts/default"}, EditedDocument("default", is_draft=True)),
        ({"subject": "documents/agents/default"}, EditedDocument("default", is_draft=False)),
        ({"document": "agents/sales%2Fnight"}, EditedDocument("sales/night", is_draft=False)),
        (
            {"document": "drafts/a", "subject": "documents/agents/b"},
            EditedDocument("a", is_draft=True),
        ),
        ({"document": "agents/default/revisions/0123"}, None),
        ({"document": "agents/"}, None),
        ({"document": "calls/CA0"}, None),
        ({"subject": None}, None),
        ({}, None),
    ],
)
def test_the_document_is_known_by_the_events_attributes(
    attributes: dict[str, object], edited: EditedDocument | None
) -> None:
    assert edited_document(attributes) == edited


async def test_an_edit_gets_its_status_once_however_often_it_is_told(agents: KeptAgents) -> None:
    agents.edit("agents/default", GOOD)
    agents.writes.clear()
    await take(agents, "agents/default", times=5)
    assert agents.statuses["agents/default"].ok
    assert agents.writes.count("agents/default") == 1


async def test_a_draft_is_published(agents: KeptAgents) -> None:
    agents.edit("drafts/default", GOOD | {"testers": [CALLER], "publish": True})
    await take(agents, "drafts/default", times=2)
    await take(agents, "agents/default")
    assert agents.documents == {"agents/default": GOOD}


async def test_a_document_that_was_deleted_is_no_matter(agents: KeptAgents) -> None:
    await take(agents, "agents/default")
    assert agents.writes == []


async def test_many_events_at_once_leave_the_same_as_one(agents: KeptAgents) -> None:
    agents.edit("drafts/default", GOOD | {"publish": True})
    async with asyncio.TaskGroup() as group:
        for document in ("drafts/default", "agents/default") * 10:
            group.create_task(take(agents, document))
    assert agents.documents == {"agents/default": GOOD}
    assert agents.statuses["agents/default"].ok


class Away(KeptAgents):
    """A store that does not answer."""

    async def read_agent(self, agent_id: str, *, draft: bool = False) -> StoredAgent | None:
        raise StoreUnavailable("away")


async def test_a_store_that_fails_has_the_event_sent_again() -> None:
    with pytest.raises(HTTPException) as refused:
        await take(Away(), "agents/default")
    assert refused.value.status_code == 503

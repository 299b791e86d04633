import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from agent_edits.edit_events import EditedDocument, edited_document, take_edit
from ringdown.agents.store import StoredAgent
from ringdown.clip_making import AgentsAndClips, ClipMaker
from ringdown.errors import StoreUnavailable
from ringdown.gemini.model_session import SessionConfig
from ringdown.tools import Json
from tests.jumping_loop import virtual_time
from tests.ringdown.kept_agents import KeptAgents
from tests.ringdown.samples import CALLER, NOW

GOOD: dict[str, Json] = {"instructions": "Be brief.", "greeting": "Good."}


@pytest.fixture
def agents() -> KeptAgents:
    return KeptAgents()


async def take(
    agents: KeptAgents, document: str, *, times: int = 1, clips: ClipMaker | None = None
) -> None:
    @asynccontextmanager
    async def opened() -> AsyncIterator[AgentsAndClips]:
        yield agents

    for _ in range(times):
        await take_edit({"document": document}, open_agents=opened, clips=clips, now=NOW)


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
    """A store that doesn't respond."""

    async def read_agent(self, agent_id: str, *, draft: bool = False) -> StoredAgent | None:
        raise StoreUnavailable("away")


async def test_a_store_that_fails_has_the_event_sent_again() -> None:
    with pytest.raises(HTTPException) as refused:
        await take(Away(), "agents/default")
    assert refused.value.status_code == 503


class Stalling:
    """A model that accepts sessions but never says anything."""

    endpoint = "stalling"
    sessions = 0

    @asynccontextmanager
    async def connect(
        self, config: SessionConfig, clock_ms: Callable[[], float], within_s: float = 0.0
    ) -> AsyncIterator[Any]:
        self.sessions += 1
        yield self

    async def send_text(self, text: str) -> None:
        await asyncio.Event().wait()


@virtual_time
async def test_a_status_does_not_wait_for_clips(agents: KeptAgents) -> None:
    agents.edit("agents/default", GOOD)
    clips = ClipMaker(Stalling)

    async with asyncio.TaskGroup() as group:
        group.create_task(take(agents, "agents/default", clips=clips))
        await asyncio.sleep(1)
        first = agents.statuses["agents/default"]
        agents.edit("agents/default", GOOD | {"voice": "Korr"})
        group.create_task(take(agents, "agents/default", clips=clips))
        await asyncio.sleep(1)
        second = agents.statuses["agents/default"]
        assert (first.ok, second.ok) == (True, False)
        assert agents.clips == {}


@virtual_time
async def test_clips_that_run_out_of_time_have_the_event_sent_again_and_come_to_an_end(
    agents: KeptAgents,
) -> None:
    words = "All of our people are talking to somebody else. " * 10
    agents.edit("agents/default", GOOD | {"greeting": words, "notice": words[:280]})
    agents.edit("drafts/default", agents.documents["agents/default"] | {"voice": "Puck"})
    model = Stalling()
    clips = ClipMaker(lambda: model)

    with pytest.raises(HTTPException) as refused:
        await take(agents, "agents/default", clips=clips)
    assert refused.value.status_code == 503
    await take(agents, "agents/default", clips=clips)

    made = model.sessions
    await take(agents, "agents/default", clips=clips)
    assert model.sessions == made
    assert "did not finish within" in (agents.statuses["agents/default"].notes or "")

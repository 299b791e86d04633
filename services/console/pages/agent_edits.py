"""What the agent pages share: which document is edited, by whom, and why."""

import re
from dataclasses import dataclass
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request

from console.desk import Desk
from ringdown.agents.check import DeclaredTools, Findings, draft_findings, findings
from ringdown.agents.documents import Document
from ringdown.agents.edits import look_at_edit
from ringdown.agents.store import AgentStore, Edit, StoredAgent

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def fit_name(agent_id: str) -> bool:
    """Whether a new agent may have this name."""
    return _NAME.fullmatch(agent_id) is not None


def edit_by(request: Request, desk: Desk, why: str) -> Edit:
    return Edit(at=desk.now(), by=request.state.person.name, why=why or None)


@dataclass(frozen=True, slots=True)
class Both:
    """A field that two people changed."""

    name: str
    theirs: str
    yours: str


async def look(desk: Desk, agent_id: str, edit: Edit | None, *, draft: bool = False) -> None:
    """Record whether the document just written can be used, and keep its revision."""
    await look_at_edit(desk.store, agent_id, desk.now(), draft=draft, edit=edit)


@dataclass(frozen=True, slots=True)
class Place:
    """Which document is edited, and where its page is."""

    agent_id: str
    is_draft: bool

    @property
    def agent_address(self) -> str:
        return f"/agents/{quote(self.agent_id, safe='')}"

    @property
    def address(self) -> str:
        return f"{self.agent_address}/draft" if self.is_draft else self.agent_address

    def findings(self, document: Document, tools: DeclaredTools) -> Findings:
        check = draft_findings if self.is_draft else findings
        return check(document, tools)


async def stored_agent(store: AgentStore, place: Place) -> StoredAgent:
    """Raises HTTPException."""
    stored = await store.read_agent(place.agent_id, draft=place.is_draft)
    if stored is None:
        what = "No draft of" if place.is_draft else "No agent"
        raise HTTPException(404, f"{what} {place.agent_id} found.")
    return stored

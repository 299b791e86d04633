"""Stored agents: the documents that operators write, and what the system adds to them.

agents/{id}                     the agent, and `status`, which the system writes
agents/{id}/revisions/{hash}    every valid version that an edit or a call has seen
drafts/{id}                     the agent's next version, heard by its testers only
numbers/{E.164}                 which agent answers
"""

import datetime
from typing import Protocol

import msgspec

from ringdown.agents import Agent
from ringdown.tools import DeclaredTool, Json

MOST_EDITS = 20


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """Someone made a revision the agent, in a way that says who."""

    at: datetime.datetime
    by: str | None = None
    """A hint: anyone who may write agents may write any name here."""
    why: str | None = None


class Rollback(Edit, frozen=True, kw_only=True):
    """Someone returned to a revision."""

    given_up: str | None
    """The revision that answered until then; None if the document was broken."""


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """A valid version of an agent. The store sets `made_at` and `replaced`."""

    revision: str
    agent: Agent
    seen_at: datetime.datetime
    """When it was last seen to be the agent."""
    made_at: datetime.datetime | None = None
    """When it was first seen."""
    replaced: str | None = None
    """The revision that was the agent before this one was made. A rollback returns to it: the times
    of last use would lead to the version that someone has just abandoned."""
    edits: tuple[Edit, ...] = ()
    """The edits that led to this revision, except rollbacks: the newest MOST_EDITS, oldest first.
    An edit in Firestore's console doesn't say who made it, and isn't included."""
    rollbacks: tuple[Rollback, ...] = ()
    """Likewise."""


class AgentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the system says about a document, in its field `status`."""

    ok: bool
    """Whether calls are answered with this very document."""
    revision: str | None
    """The revision that answers calls; None if there is none."""
    error: str | None
    """What to correct, in operators' words. Minor problems are listed even if `ok`."""
    checked_at: datetime.datetime
    notes: str | None = None
    """What is good to know and needs no correction."""


class StoredAgent(msgspec.Struct, frozen=True, kw_only=True):
    """A document of `agents/` or `drafts/`, valid or not."""

    agent_id: str
    document: dict[str, Json]
    """As operators wrote it, without `status`."""
    version: str
    """Changes with the document; a write that changes nothing, or only `status`, keeps it.
    Opaque."""
    status: AgentStatus | None
    """None if it is missing or can't be read."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What answers a called number."""

    agent_id: str
    agent: StoredAgent | None
    draft: StoredAgent | None


class AgentStore(Protocol):
    """Every method raises StoreUnavailable when the store does not answer."""

    async def read_line(self, called: str) -> Line:
        """The agent that the number names, else `default`, and its draft; each may be missing."""

    async def read_agent(self, agent_id: str, *, draft: bool = False) -> StoredAgent | None: ...

    async def list_agents(self) -> tuple[StoredAgent, ...]:
        """By id; without drafts."""

    async def write_agent(
        self, agent_id: str, document: dict[str, Json], *, over: str | None, draft: bool = False
    ) -> None:
        """Replace the document of version `over`, or create it if that is None; `status` stays.

        Raises Conflict if it is at another version, or exists, and InvalidDocument if the store
        cannot hold it.
        """

    async def delete_agent(
        self, agent_id: str, *, over: str | None = None, draft: bool = False
    ) -> None:
        """Raises Conflict if the document's version isn't `over`; a missing document isn't an
        error. Its revisions stay."""

    async def write_status(
        self, agent_id: str, status: AgentStatus, *, draft: bool = False
    ) -> None:
        """Write only the field `status`; a deleted document stays deleted."""

    async def keep_revision(self, agent_id: str, revision: Revision) -> None:
        """Create it as the successor of the one seen last, or move its `seen_at` forward (never
        back). Its edits and rollbacks are added to the stored ones."""

    async def last_revision(self, agent_id: str) -> Revision | None:
        """The most recently seen revision that can be read."""

    async def list_revisions(self, agent_id: str) -> tuple[Revision, ...]:
        """Most recently seen first, without any that can't be read."""

    async def write_number(self, number: str, agent_id: str) -> None:
        """Let `agent_id` answer the called `number` (E.164)."""

    async def delete_number(self, number: str) -> None:
        """Let the default agent answer the called `number`."""

    async def list_numbers(self) -> dict[str, str]:
        """The agent's id for every number that names one."""

    async def declared_tools(self) -> dict[str, DeclaredTool]:
        """Every tool that an agent may name."""

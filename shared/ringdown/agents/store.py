"""Stored agents: the documents that operators write, and what the system adds to them.

agents/{id}                     the agent, and `status`, which the system writes
agents/{id}/revisions/{hash}    every valid version that an edit or a call has seen
drafts/{id}                     the agent's next version, heard only by its testers
numbers/{E.164}                 the id of the agent that answers this number
"""

import datetime
from typing import Protocol

import msgspec

from ringdown.agents import Agent
from ringdown.tools import DeclaredTool, Json

MOST_EDITS = 20


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """An edit that made a revision the current one."""

    at: datetime.datetime
    by: str | None = None
    """Only a hint: anyone who may write agents can enter any name."""
    why: str | None = None


class Rollback(Edit, frozen=True, kw_only=True):
    """An edit that restored an earlier revision."""

    given_up: str | None
    """The revision that answered until then; None if the document was broken."""


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """A valid version of an agent. The store sets `made_at` and `replaced`."""

    revision: str
    agent: Agent
    seen_at: datetime.datetime
    """When it was last seen as the current revision."""
    made_at: datetime.datetime | None = None
    """When it was first seen."""
    replaced: str | None = None
    """The revision that was current before this one was made. A rollback restores it; the one with
    the latest `seen_at` could be a version that someone has just abandoned."""
    edits: tuple[Edit, ...] = ()
    """The edits that led to this revision, except rollbacks: the newest MOST_EDITS, oldest first.
    An edit in Firestore's console doesn't say who made it, and isn't included."""
    rollbacks: tuple[Rollback, ...] = ()
    """The newest MOST_EDITS rollbacks to this revision, oldest first."""


class AgentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What Ringdown reports about a document, in its field `status`."""

    ok: bool
    """Whether the current document answers calls."""
    revision: str | None
    """The revision that answers calls; None if there is none."""
    error: str | None
    """What to correct, in operators' words. Minor problems are listed even if `ok`."""
    checked_at: datetime.datetime
    notes: str | None = None
    """Information that needs no correction."""


class StoredAgent(msgspec.Struct, frozen=True, kw_only=True):
    """A document of `agents/` or `drafts/`, valid or not."""

    agent_id: str
    document: dict[str, Json]
    """As operators wrote it, without `status`."""
    version: str
    """An opaque string that changes when the document does, but not when only `status` changes."""
    status: AgentStatus | None
    """None if it is missing or can't be read."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The agent that answers a called number, and its draft."""

    agent_id: str
    agent: StoredAgent | None
    draft: StoredAgent | None


class AgentStore(Protocol):
    """Stores agents. Every method raises StoreUnavailable when the store doesn't answer."""

    async def read_line(self, called: str) -> Line:
        """Return the number's agent, else the default one, and its draft; either may be missing."""

    async def read_agent(self, agent_id: str, *, draft: bool = False) -> StoredAgent | None: ...

    async def list_agents(self) -> tuple[StoredAgent, ...]:
        """Return all agents, ordered by id, without drafts."""

    async def write_agent(
        self, agent_id: str, document: dict[str, Json], *, over: str | None, draft: bool = False
    ) -> None:
        """Replace the document if its version is `over`, or create it if that is None.

        `status` stays. Raises Conflict if the document has another version or already exists, and
        InvalidDocument if the store can't hold it.
        """

    async def delete_agent(
        self, agent_id: str, *, over: str | None = None, draft: bool = False
    ) -> None:
        """Delete the document but not its revisions; a missing document isn't an error.

        Raises Conflict if `over` is given and the document has another version.
        """

    async def write_status(
        self, agent_id: str, status: AgentStatus, *, draft: bool = False
    ) -> None:
        """Write only the field `status`; do nothing if the document was deleted."""

    async def keep_revision(self, agent_id: str, revision: Revision) -> None:
        """Create the revision as the successor of the one seen last. If it exists, move its
        `seen_at` forward (never back), and add its edits and rollbacks to the stored ones."""

    async def last_revision(self, agent_id: str) -> Revision | None:
        """Return the most recently seen revision that can be read."""

    async def list_revisions(self, agent_id: str) -> tuple[Revision, ...]:
        """Return the revisions, most recently seen first, without any that can't be read."""

    async def write_number(self, number: str, agent_id: str) -> None:
        """Have `agent_id` answer the called `number` (E.164)."""

    async def delete_number(self, number: str) -> None:
        """Have the default agent answer the called `number`."""

    async def list_numbers(self) -> dict[str, str]:
        """Return the agent's id for every number that names one."""

    async def declared_tools(self) -> dict[str, DeclaredTool]:
        """Return every tool that an agent may use, by name."""

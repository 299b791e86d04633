"""Agents, the numbers they answer, and tools in Firestore: what operators edit in the console."""

from ringdown.agents import DEFAULT_AGENT_ID
from ringdown.agents.clips import Clip
from ringdown.agents.store import AgentStatus, Line, Revision, StoredAgent
from ringdown.errors import Conflict, StoreUnavailable
from ringdown.stores.agent_documents import (
    STATUS,
    Number,
    assigned_agent,
    assigned_agents,
    declared_tools,
    made_revision,
    readable_revision,
    readable_revisions,
    seen_again,
    stored_agent,
    to_write,
    usable_tools,
    version_of,
)
from ringdown.stores.firestore.database import Database
from ringdown.stores.firestore.operations import (
    Create,
    Delete,
    Replace,
    Stored,
    Update,
    Write,
)
from ringdown.stores.paths import (
    AGENTS,
    NUMBERS,
    TOOLS,
    agent_path,
    clip_path,
    clips_path,
    number_path,
    revision_path,
    revisions_path,
    text_of_id,
    tool_path,
)
from ringdown.stores.storable import Document, to_document
from ringdown.tools import DeclaredTool, ToolDeclaration

_TRIES = 20
_REVISIONS_AT_ONCE = 200


class FirestoreAgents:
    """Implements the ports of `ringdown.agents.store`, `ringdown.agents.clips` and
    `ringdown.tools`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Agents

    async def read_line(self, called: str) -> Line:
        """Read the default agent together with the number's assignment, because it usually
        answers."""
        agent_id, path = DEFAULT_AGENT_ID, number_path(called)
        async with self._database.deadline():
            assignment, agent, draft = await self._database.read_all(path, *_both(agent_id))
            if assignment is not None:
                agent_id = assigned_agent(path, assignment.fields)
            if agent_id != DEFAULT_AGENT_ID:
                agent, draft = await self._database.read_all(*_both(agent_id))
        return Line(agent_id=agent_id, agent=_as_stored(agent), draft=_as_stored(draft))

    async def read_agent(self, agent_id: str, *, draft: bool = False) -> StoredAgent | None:
        async with self._database.deadline():
            return _as_stored(await self._database.read(agent_path(agent_id, draft=draft)))

    async def list_agents(self) -> tuple[StoredAgent, ...]:
        async with self._database.deadline():
            found = await self._database.read_below(AGENTS)
        agents = (stored_agent(stored.path, stored.fields) for stored in found)
        return tuple(sorted(agents, key=lambda agent: agent.agent_id))

    async def write_agent(
        self, agent_id: str, document: Document, *, over: str | None, draft: bool = False
    ) -> None:
        """Compare and write only the fields that operators write."""
        path, wanted = agent_path(agent_id, draft=draft), to_write(document)
        async with self._database.deadline():
            for _ in range(_TRIES):
                if over is None and await self._database.commits(Create(path, wanted)):
                    return
                stored = await self._database.read(path)
                if stored is not None and version_of(stored.fields) == version_of(wanted):
                    return  # an earlier try has written it, but its response was lost
                if stored is None or over is None or version_of(stored.fields) != over:
                    raise Conflict(f"{path} was changed by someone else meanwhile")
                if await self._database.commits(_rewrite(stored, wanted)):
                    return
        raise _unsettled(path)

    async def delete_agent(
        self, agent_id: str, *, over: str | None = None, draft: bool = False
    ) -> None:
        path = agent_path(agent_id, draft=draft)
        async with self._database.deadline():
            for _ in range(_TRIES):
                stored = await self._database.read(path)
                if stored is None:
                    return
                if over is not None and version_of(stored.fields) != over:
                    raise Conflict(f"{path} was changed by someone else meanwhile")
                if await self._database.commits(Delete(path, unchanged_since=stored.updated_at)):
                    return
        raise _unsettled(path)

    async def write_status(
        self, agent_id: str, status: AgentStatus, *, draft: bool = False
    ) -> None:
        fields = {STATUS: to_document(status)}
        async with self._database.deadline():
            await self._database.commits(Update(agent_path(agent_id, draft=draft), fields))

    # Revisions

    async def keep_revision(self, agent_id: str, revision: Revision) -> None:
        path = revision_path(agent_id, revision.revision)
        async with self._database.deadline():
            for _ in range(_TRIES):
                stored = await self._database.read(path)
                kept = None if stored is None else readable_revision(path, stored.fields)
                if kept is None:
                    now = made_revision(revision, await self.list_revisions(agent_id))
                else:
                    now = seen_again(kept, revision)
                if now == kept:
                    return
                if stored is None:
                    write: Write = Create(path, to_document(now))
                else:
                    write = Update(path, to_document(now), unchanged_since=stored.updated_at)
                if await self._database.commits(write):
                    return
        raise _unsettled(path)

    async def last_revision(self, agent_id: str) -> Revision | None:
        revisions = await self.list_revisions(agent_id)
        return revisions[0] if revisions else None

    async def list_revisions(self, agent_id: str) -> tuple[Revision, ...]:
        async with self._database.deadline():
            found = await self._database.query(
                revisions_path(agent_id), newest_by="seen_at", limit=_REVISIONS_AT_ONCE
            )
        return tuple(readable_revisions((stored.path, stored.fields) for stored in found))

    # Clips

    async def read_clip(self, agent_id: str, key: str) -> Clip | None:
        async with self._database.deadline():
            stored = await self._database.read(clip_path(agent_id, key))
        return None if stored is None else stored.record(Clip)

    async def write_clip(self, agent_id: str, clip: Clip) -> None:
        await self._write(Replace(clip_path(agent_id, clip.key), to_document(clip)))

    async def list_clips(self, agent_id: str) -> frozenset[str]:
        async with self._database.deadline():
            found = await self._database.read_below(clips_path(agent_id))
        return frozenset(text_of_id(stored.path) for stored in found)

    async def delete_clip(self, agent_id: str, key: str) -> None:
        await self._write(Delete(clip_path(agent_id, key)))

    # Numbers and tools

    async def write_number(self, number: str, agent_id: str) -> None:
        await self._write(Replace(number_path(number), to_document(Number(agent=agent_id))))

    async def delete_number(self, number: str) -> None:
        await self._write(Delete(number_path(number)))

    async def list_numbers(self) -> dict[str, str]:
        async with self._database.deadline():
            found = await self._database.read_below(NUMBERS)
        return assigned_agents((stored.path, stored.fields) for stored in found)

    async def declared_tools(self) -> dict[str, DeclaredTool]:
        async with self._database.deadline():
            found = await self._database.read_below(TOOLS)
        return declared_tools((stored.path, stored.fields) for stored in found)

    async def read_tools(self, names: tuple[str, ...]) -> tuple[ToolDeclaration, ...]:
        if not names:
            return ()
        async with self._database.deadline():
            stored = await self._database.read_all(*map(tool_path, names))
        fields = (None if found is None else found.fields for found in stored)
        return tuple(usable_tools(names, fields))

    async def write_tool(self, tool: ToolDeclaration) -> None:
        await self._write(Replace(tool_path(tool.name), to_document(tool)))

    async def _write(self, write: Write) -> None:
        async with self._database.deadline():
            await self._database.commit(write)


def _both(agent_id: str) -> tuple[str, str]:
    return agent_path(agent_id), agent_path(agent_id, draft=True)


def _as_stored(stored: Stored | None) -> StoredAgent | None:
    return None if stored is None else stored_agent(stored.path, stored.fields)


def _rewrite(stored: Stored, wanted: Document) -> Update:
    gone = stored.fields.keys() - wanted.keys() - {STATUS}
    return Update(
        stored.path, wanted, unchanged_since=stored.updated_at, without=tuple(sorted(gone))
    )


def _unsettled(path: str) -> StoreUnavailable:
    return StoreUnavailable(f"{path} was changed by others {_TRIES} times in a row")

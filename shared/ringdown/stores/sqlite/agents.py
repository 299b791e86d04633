"""Agents, the numbers they answer, and tools in SQLite."""

from ringdown.agents import DEFAULT_AGENT_ID
from ringdown.agents.clips import Clip
from ringdown.agents.store import AgentStatus, Line, Revision, StoredAgent
from ringdown.errors import Conflict
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
from ringdown.stores.sqlite.table import Table, Worker
from ringdown.stores.storable import Document, to_document
from ringdown.tools import DeclaredTool, ToolDeclaration


class SqliteAgents:
    """Implements the ports of `ringdown.agents.store`, `ringdown.agents.clips` and
    `ringdown.tools`."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    # Agents

    async def read_line(self, called: str) -> Line:
        return await self._worker.run(lambda table: _line(table, called))

    async def read_agent(self, agent_id: str, *, draft: bool = False) -> StoredAgent | None:
        return await self._worker.run(lambda table: _agent(table, agent_id, draft=draft))

    async def list_agents(self) -> tuple[StoredAgent, ...]:
        found = await self._worker.run(lambda table: table.fields_below(AGENTS))
        agents = (stored_agent(path, fields) for path, fields in found)
        return tuple(sorted(agents, key=lambda agent: agent.agent_id))

    async def write_agent(
        self, agent_id: str, document: Document, *, over: str | None, draft: bool = False
    ) -> None:
        path, wanted = agent_path(agent_id, draft=draft), to_write(document)

        def work(table: Table) -> None:
            with table.transaction():
                before = table.fields(path)
                _check_version(path, before, over)
                status = {STATUS: before[STATUS]} if before and STATUS in before else {}
                table.write(path, wanted | status)

        await self._worker.run(work)

    async def delete_agent(
        self, agent_id: str, *, over: str | None = None, draft: bool = False
    ) -> None:
        path = agent_path(agent_id, draft=draft)

        def work(table: Table) -> None:
            with table.transaction():
                before = table.fields(path)
                if before is not None and over is not None:
                    _check_version(path, before, over)
                table.erase(path)

        await self._worker.run(work)

    async def write_status(
        self, agent_id: str, status: AgentStatus, *, draft: bool = False
    ) -> None:
        path = agent_path(agent_id, draft=draft)

        def work(table: Table) -> None:
            with table.transaction():
                document = table.fields(path)
                if document is not None:
                    table.write(path, document | {STATUS: to_document(status)})

        await self._worker.run(work)

    # Revisions

    async def keep_revision(self, agent_id: str, revision: Revision) -> None:
        path = revision_path(agent_id, revision.revision)

        def work(table: Table) -> None:
            with table.transaction():
                kept = readable_revision(path, table.fields(path))
                if kept is None:
                    now = made_revision(revision, _revisions(table, agent_id))
                else:
                    now = seen_again(kept, revision)
                if now != kept:
                    table.write(path, to_document(now))

        await self._worker.run(work)

    async def last_revision(self, agent_id: str) -> Revision | None:
        revisions = await self.list_revisions(agent_id)
        return revisions[0] if revisions else None

    async def list_revisions(self, agent_id: str) -> tuple[Revision, ...]:
        return await self._worker.run(lambda table: _revisions(table, agent_id))

    # Clips

    async def read_clip(self, agent_id: str, key: str) -> Clip | None:
        return await self._worker.run(lambda table: table.read(Clip, clip_path(agent_id, key)))

    async def write_clip(self, agent_id: str, clip: Clip) -> None:
        await self._write(clip_path(agent_id, clip.key), to_document(clip))

    async def list_clips(self, agent_id: str) -> frozenset[str]:
        found = await self._worker.run(lambda table: table.fields_below(clips_path(agent_id)))
        return frozenset(text_of_id(path) for path, _ in found)

    async def delete_clip(self, agent_id: str, key: str) -> None:
        def work(table: Table) -> None:
            with table.transaction():
                table.erase(clip_path(agent_id, key))

        await self._worker.run(work)

    # Numbers and tools

    async def write_number(self, number: str, agent_id: str) -> None:
        await self._write(number_path(number), to_document(Number(agent=agent_id)))

    async def delete_number(self, number: str) -> None:
        await self._worker.run(lambda table: table.erase(number_path(number)))

    async def list_numbers(self) -> dict[str, str]:
        found = await self._worker.run(lambda table: table.fields_below(NUMBERS))
        return assigned_agents(found)

    async def declared_tools(self) -> dict[str, DeclaredTool]:
        found = await self._worker.run(lambda table: table.fields_below(TOOLS))
        return declared_tools(found)

    async def read_tools(self, names: tuple[str, ...]) -> tuple[ToolDeclaration, ...]:
        def work(table: Table) -> tuple[ToolDeclaration, ...]:
            found = (table.fields(tool_path(name)) for name in names)
            return tuple(usable_tools(names, found))

        return await self._worker.run(work)

    async def write_tool(self, tool: ToolDeclaration) -> None:
        await self._write(tool_path(tool.name), to_document(tool))

    async def _write(self, path: str, document: Document) -> None:
        def work(table: Table) -> None:
            with table.transaction():
                table.write(path, document)

        await self._worker.run(work)


def _line(table: Table, called: str) -> Line:
    path = number_path(called)
    assignment = table.fields(path)
    agent_id = DEFAULT_AGENT_ID if assignment is None else assigned_agent(path, assignment)
    return Line(
        agent_id=agent_id,
        agent=_agent(table, agent_id),
        draft=_agent(table, agent_id, draft=True),
    )


def _agent(table: Table, agent_id: str, *, draft: bool = False) -> StoredAgent | None:
    path = agent_path(agent_id, draft=draft)
    fields = table.fields(path)
    return None if fields is None else stored_agent(path, fields)


def _revisions(table: Table, agent_id: str) -> tuple[Revision, ...]:
    revisions = readable_revisions(table.fields_below(revisions_path(agent_id)))
    return tuple(sorted(revisions, key=lambda revision: revision.seen_at, reverse=True))


def _check_version(path: str, fields: Document | None, over: str | None) -> None:
    if (None if fields is None else version_of(fields)) != over:
        raise Conflict(f"{path} was changed by someone else meanwhile")

"""Agents, the numbers they answer, and tools in Firestore: what operators edit in the console."""

from collections.abc import Iterator

import msgspec

from ringdown.agents import DEFAULT_AGENT_ID, Agent
from ringdown.errors import InvalidDocument
from ringdown.log import Log
from ringdown.stores.firestore.database import Database, Replace, Stored
from ringdown.stores.paths import agent_path, number_path, tool_path
from ringdown.stores.storable import to_document
from ringdown.tools import ToolDeclaration

_log = Log(__name__)


class FirestoreAgents:
    """Implements `ringdown.agents.AgentStore` and `ringdown.tools.ToolStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def agent_for(self, number: str) -> tuple[str, Agent] | None:
        """The default agent is read beside the number's assignment: it mostly answers."""
        async with self._database.deadline():
            assignment, default = await self._database.read_all(
                number_path(number), agent_path(DEFAULT_AGENT_ID)
            )
            if assignment is not None:
                agent_id = assignment.record(_Number).agent
                assigned = await self._database.read(agent_path(agent_id))
                if assigned is not None:
                    return agent_id, assigned.record(Agent)
                _log.error("number is assigned to an unknown agent", agent=agent_id)
        return None if default is None else (DEFAULT_AGENT_ID, default.record(Agent))

    async def write_agent(self, agent_id: str, agent: Agent) -> None:
        await self._write(agent_path(agent_id), agent)

    async def write_number(self, number: str, agent_id: str) -> None:
        await self._write(number_path(number), _Number(agent=agent_id))

    async def read_tools(self, names: tuple[str, ...]) -> tuple[ToolDeclaration, ...]:
        if not names:
            return ()
        async with self._database.deadline():
            stored = await self._database.read_all(*map(tool_path, names))
        return tuple(_usable(names, stored))

    async def write_tool(self, tool: ToolDeclaration) -> None:
        await self._write(tool_path(tool.name), tool)

    async def _write(self, path: str, record: msgspec.Struct) -> None:
        async with self._database.deadline():
            await self._database.commit(Replace(path, to_document(record)))


class _Number(msgspec.Struct, frozen=True, kw_only=True):
    agent: str


def _usable(
    names: tuple[str, ...], documents: tuple[Stored | None, ...]
) -> Iterator[ToolDeclaration]:
    for name, stored in zip(names, documents, strict=True):
        if stored is None:
            _log.warning("tool is not declared", tool=name)
            continue
        try:
            yield stored.record(ToolDeclaration)
        except InvalidDocument as error:
            _log.error("tool declaration cannot be used", tool=name, reason=str(error))

"""An in-memory store of agents and clips that tests can observe and disturb."""

import copy
import datetime
from collections.abc import Callable, Mapping

from ringdown.agents.clips import Clip
from ringdown.agents.store import AgentStatus, Line, Revision, StoredAgent
from ringdown.errors import Conflict
from ringdown.stores.agent_documents import made_revision, seen_again
from ringdown.tools import DeclaredTool, Json

_ONE_TOOL = {"lookup_account": DeclaredTool()}


class KeptAgents:
    """Implements AgentStore and ClipStore. `writes` lists the paths written, in order."""

    def __init__(self, *, tools: Mapping[str, DeclaredTool] = _ONE_TOOL) -> None:
        self.documents: dict[str, dict[str, Json]] = {}
        self.statuses: dict[str, AgentStatus] = {}
        self.revisions: dict[str, dict[str, Revision]] = {}
        self.clips: dict[str, dict[str, Clip]] = {}
        self.numbers: dict[str, str] = {}
        self.writes: list[str] = []
        self.reads = 0
        self.meanwhile: Callable[[], None] | None = None
        """Called once, just before the next write of an agent, to make someone else's edit."""
        self._tools = tools
        self._versions: dict[str, int] = {}

    def edit(self, path: str, document: dict[str, Json]) -> None:
        """Replace the whole document, as an operator can in the console, with anything."""
        self.documents[path] = copy.deepcopy(document)
        self._written(path)

    def set_field(self, path: str, **fields: Json) -> None:
        """Save single fields, as the console does."""
        self.edit(path, self.documents[path] | fields)

    def remove(self, path: str) -> None:
        del self.documents[path]
        self.statuses.pop(path, None)
        self._written(path)

    # The stores' methods

    async def read_line(self, called: str) -> Line:
        self.reads += 1
        agent_id = self.numbers.get(called, "default")
        return Line(
            agent_id=agent_id,
            agent=self._stored(agent_id, _path(agent_id)),
            draft=self._stored(agent_id, _path(agent_id, draft=True)),
        )

    async def read_agent(self, agent_id: str, *, draft: bool = False) -> StoredAgent | None:
        self.reads += 1
        return self._stored(agent_id, _path(agent_id, draft=draft))

    async def list_agents(self) -> tuple[StoredAgent, ...]:
        ids = sorted(p.removeprefix("agents/") for p in self.documents if p.startswith("agents/"))
        return tuple(stored for i in ids if (stored := self._stored(i, _path(i))) is not None)

    async def write_agent(
        self, agent_id: str, document: dict[str, Json], *, over: str | None, draft: bool = False
    ) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        path = _path(agent_id, draft=draft)
        self._check(path, over)
        self.documents[path] = copy.deepcopy(document)
        self._written(path)

    async def delete_agent(
        self, agent_id: str, *, over: str | None = None, draft: bool = False
    ) -> None:
        path = _path(agent_id, draft=draft)
        if path in self.documents:
            if over is not None:
                self._check(path, over)
            self.remove(path)

    async def write_status(
        self, agent_id: str, status: AgentStatus, *, draft: bool = False
    ) -> None:
        path = _path(agent_id, draft=draft)
        if path in self.documents:
            self.statuses[path] = status
            self.writes.append(path)  # the version stays the same

    async def keep_revision(self, agent_id: str, revision: Revision) -> None:
        kept = self.revisions.setdefault(agent_id, {})
        before = kept.get(revision.revision)
        if before is None:
            now = made_revision(revision, await self.list_revisions(agent_id))
        else:
            now = seen_again(before, revision)
        if now != before:
            kept[revision.revision] = now
            self.writes.append(f"{_path(agent_id)}/revisions/{revision.revision}")

    async def last_revision(self, agent_id: str) -> Revision | None:
        self.reads += 1
        newest_first = await self.list_revisions(agent_id)
        return newest_first[0] if newest_first else None

    async def list_revisions(self, agent_id: str) -> tuple[Revision, ...]:
        kept = self.revisions.get(agent_id, {}).values()
        return tuple(sorted(kept, key=_seen_at, reverse=True))

    async def read_clip(self, agent_id: str, key: str) -> Clip | None:
        return self.clips.get(agent_id, {}).get(key)

    async def write_clip(self, agent_id: str, clip: Clip) -> None:
        self.clips.setdefault(agent_id, {})[clip.key] = clip
        self.writes.append(f"agents/{agent_id}/clips/{clip.key}")

    async def list_clips(self, agent_id: str) -> frozenset[str]:
        return frozenset(self.clips.get(agent_id, {}))

    async def delete_clip(self, agent_id: str, key: str) -> None:
        self.clips.get(agent_id, {}).pop(key, None)

    async def write_number(self, number: str, agent_id: str) -> None:
        self.numbers[number] = agent_id

    async def delete_number(self, number: str) -> None:
        self.numbers.pop(number, None)

    async def list_numbers(self) -> dict[str, str]:
        return dict(self.numbers)

    async def declared_tools(self) -> dict[str, DeclaredTool]:
        return dict(self._tools)

    # Internals

    def _stored(self, agent_id: str, path: str) -> StoredAgent | None:
        document = self.documents.get(path)
        if document is None:
            return None
        return StoredAgent(
            agent_id=agent_id,
            document=copy.deepcopy(document),
            version=self._version(path),
            status=self.statuses.get(path),
        )

    def _check(self, path: str, over: str | None) -> None:
        if over != (self._version(path) if path in self.documents else None):
            raise Conflict(path)

    def _version(self, path: str) -> str:
        return f"version {self._versions[path]}"

    def _written(self, path: str) -> None:
        self._versions[path] = self._versions.get(path, 0) + 1
        self.writes.append(path)


def _path(agent_id: str, *, draft: bool = False) -> str:
    return f"{'drafts' if draft else 'agents'}/{agent_id}"


def _seen_at(revision: Revision) -> datetime.datetime:
    return revision.seen_at

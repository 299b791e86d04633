"""The line that personas call: a separate store with the agent, and a stand-in for the tools."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from devtools.rehearsals.placing import NUMBER
from ringdown.agents import Agent
from ringdown.agents.documents import document_of
from ringdown.calls.limits import LineLimits
from ringdown.stores import Store
from ringdown.tools import ToolDeclaration


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """An agent or its draft, with its tools' declarations."""

    agent_id: str
    agent: Agent
    tools: Sequence[ToolDeclaration]
    is_draft: bool = False

    @property
    def revision(self) -> str:
        return self.agent.revision


async def prepare(store: Store, rehearsed: Rehearsed, tools_url: str) -> None:
    """Write the agent and its tools to the line's store.

    The agent is always open, doesn't remember callers between calls, and has no line limits; all
    its tools point to `tools_url`.
    """
    agent = msgspec.structs.replace(rehearsed.agent, opening_hours=None, remember_callers=False)
    stored = await store.read_agent(rehearsed.agent_id)
    over = None if stored is None else stored.version
    await store.write_agent(rehearsed.agent_id, document_of(agent), over=over)
    await store.write_number(NUMBER, rehearsed.agent_id)
    for tool in rehearsed.tools:
        await store.write_tool(msgspec.structs.replace(tool, url=f"{tools_url}/{tool.name}"))
    unlimited = dict.fromkeys(LineLimits.__struct_fields__)
    await store.write_limits(msgspec.convert(unlimited, LineLimits))

"""Write agents to a store, as operators would."""

import msgspec

from ringdown.agents import Agent
from ringdown.agents.store import AgentStore, StoredAgent
from ringdown.tools import Json


async def write_agent(
    store: AgentStore, agent_id: str, agent: Agent | dict[str, Json], *, draft: bool = False
) -> StoredAgent:
    """Write `agent`, replacing whatever is there, and return what is stored."""
    document = msgspec.to_builtins(agent) if isinstance(agent, Agent) else agent
    before = await store.read_agent(agent_id, draft=draft)
    over = None if before is None else before.version
    await store.write_agent(agent_id, document, over=over, draft=draft)
    written = await store.read_agent(agent_id, draft=draft)
    assert written is not None, f"{agent_id} was not written"
    return written

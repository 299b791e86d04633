"""Which agent answers a called number, whatever state the store is in."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Protocol

from ringdown.agents import DEFAULT_AGENT_ID, Agent, AgentStore, packaged_agent
from ringdown.answering import Answering
from ringdown.errors import RingdownError
from ringdown.log import Log
from ringdown.tools import ToolDeclaration, ToolStore

DEADLINE_S = 0.3
"""For agent and tools together: the caller hears nothing but ringing meanwhile."""
_MAX_KNOWN_NUMBERS = 256

_log = Log("incoming_call.agent_choice")


class AgentSource(AgentStore, ToolStore, Protocol):
    """What of the store is needed to choose an agent."""


@dataclass(frozen=True, slots=True)
class ChosenAgent:
    agent_id: str
    agent: Agent
    tools: tuple[ToolDeclaration, ...]
    is_draft: bool = False
    """Heard by its tester, and not remembered for anybody else."""
    problem: str | None = None
    """Why this is not what operators last wrote, in their words."""


class AgentChoice:
    """Reads agents, and remembers the last one of each number for when the store fails."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, ChosenAgent] = OrderedDict()

    async def choose(self, store: AgentSource, called: str, caller: str) -> ChosenAgent:
        """The stored agent of `called`, else the last known, else the packaged one. Never raises
        for a store that fails or is slow; answers within DEADLINE_S."""
        deadline_s = asyncio.get_running_loop().time() + DEADLINE_S
        known = self._known.get(called)
        try:
            async with asyncio.timeout_at(deadline_s):
                answering = await _read_agent(store, called)
        except (RingdownError, TimeoutError) as error:
            reason = str(error) or "the store was too slow"
            instead = "packaged" if known is None else "last_known"
            _log.error("agent could not be read", reason=reason, instead=instead)
            return replace(known or _packaged(), problem=f"The agent could not be read: {reason}.")
        agent = answering.agent
        if answering.problem is not None:
            _log.error("agent cannot be used as it stands", agent=answering.agent_id)
        try:
            async with asyncio.timeout_at(deadline_s):
                tools = await store.read_tools(agent.tools)
        except (RingdownError, TimeoutError) as error:
            _log.error("tools could not be read", reason=str(error) or "the store was too slow")
            tools = known.tools if known is not None and known.agent.tools == agent.tools else ()
        chosen = ChosenAgent(
            answering.agent_id, agent, tools, is_draft=answering.is_draft, problem=answering.problem
        )
        if not chosen.is_draft:
            self._remember(called, chosen)
        return chosen

    def _remember(self, called: str, chosen: ChosenAgent) -> None:
        self._known[called] = chosen
        self._known.move_to_end(called)
        if len(self._known) > _MAX_KNOWN_NUMBERS:
            self._known.popitem(last=False)


def _packaged() -> ChosenAgent:
    return ChosenAgent(DEFAULT_AGENT_ID, packaged_agent(), ())


async def _read_agent(store: AgentStore, called: str) -> Answering:
    stored = await store.agent_for(called)
    agent_id, agent = stored or (DEFAULT_AGENT_ID, packaged_agent())
    return Answering(agent_id=agent_id, agent=agent)

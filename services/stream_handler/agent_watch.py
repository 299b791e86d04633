"""Polls every few seconds for agent edits that apply to live calls."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol

from ringdown.agents import Agent
from ringdown.agents.check import draft_findings, findings
from ringdown.agents.store import StoredAgent
from ringdown.errors import RingdownError
from ringdown.log import Log
from stream_handler.rounds import Rounds

LOOK_EVERY_S = 3.0
_LOOK_WITHIN_S = 2.5

_log = Log(__name__)


class AgentReader(Protocol):
    """The methods needed from `ringdown.agents.store.AgentStore`."""

    async def read_agent(self, agent_id: str, *, draft: bool = False) -> StoredAgent | None: ...


@dataclass(slots=True)
class _Look:
    """A document as it was last read."""

    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    round: int = -1
    version: str = ""
    agent: Agent | None = None
    """The last usable version."""
    is_away: bool = False


class AgentWatch:
    """Reads each agent once per round, however many calls use it; one per process.

    Firestore's asynchronous client has no listener, and a listener thread would be one more thing
    that can go stale, for edits that happen a few times a day.
    """

    def __init__(self, agents: AgentReader, *, every_s: float = LOOK_EVERY_S) -> None:
        self._agents = agents
        self._rounds = Rounds(every_s)
        self._looks: dict[tuple[str, bool], _Look] = {}

    async def edits(self, agent_id: str, *, draft: bool = False) -> AsyncIterator[Agent]:
        """Yield the agent now and whenever it changes, as long as its edits apply to live calls.

        A document that is broken, half edited or deleted is ignored, and so is an outage.
        """
        look = self._looks.setdefault((agent_id, draft), _Look())
        told = ""
        while True:
            await self._rounds.next()
            async with look.one_at_a_time:
                if look.round != self._rounds.current:
                    look.round = self._rounds.current
                    await self._read(look, agent_id, draft)
            agent = look.agent
            if agent is not None and agent.apply_to_live_calls and agent.revision != told:
                told = agent.revision
                yield agent

    async def _read(self, look: _Look, agent_id: str, draft: bool) -> None:
        try:
            async with asyncio.timeout(_LOOK_WITHIN_S):
                stored = await self._agents.read_agent(agent_id, draft=draft)
            if stored is not None and stored.version != look.version:
                found = draft_findings(stored.document) if draft else findings(stored.document)
                look.version, look.agent = stored.version, found.agent or look.agent
            look.is_away = False
        except (RingdownError, TimeoutError) as error:
            if not look.is_away:
                _log.warning("can't check for edits", reason=str(error) or "the store was too slow")
            look.is_away = True

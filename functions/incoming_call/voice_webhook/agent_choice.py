"""Chooses the agent that answers a called number, whatever state the store is in."""

import asyncio
import datetime
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from ringdown.agents import DEFAULT_AGENT_ID, Agent, packaged_agent
from ringdown.agents.check import findings, summary
from ringdown.agents.store import AgentStore, Revision
from ringdown.calls.answering import Answering, answering
from ringdown.errors import RingdownError
from ringdown.log import Log
from ringdown.stores.deadline import store_deadline
from ringdown.tools import ToolDeclaration, ToolStore

DEADLINE_S = 0.3
"""For the agent and its tools together. Short, because the caller hears only ringing meanwhile."""
FIRST_DEADLINE_S = 1.5
"""The same while this process has no earlier agent to use instead, as after a cold start. It is
longer because the packaged agent speaks for a company that isn't the operators'."""
KEEP_WITHIN_S = 1.0
_MAX_KNOWN_NUMBERS = 256
_MAX_KNOWN_AGENTS = 256

_log = Log("incoming_call.agent_choice")
_Value = TypeVar("_Value")


class AgentSource(AgentStore, ToolStore, Protocol):
    """The store methods used to choose an agent."""


@dataclass(frozen=True, slots=True)
class ChosenAgent:
    agent_id: str
    agent: Agent
    tools: tuple[ToolDeclaration, ...]
    facts_tool: ToolDeclaration | None = None
    """The agent's `before_call` tool; None if it can't be used."""
    is_draft: bool = False
    """Only testers hear a draft, so it isn't remembered for other callers."""
    is_current: bool = False
    """Whether it is what operators last saved, and so worth keeping as a revision."""
    problem: str | None = None
    """Why it isn't what operators last saved, in their terms."""


class AgentChoice:
    """Chooses agents, and remembers each number's last one in case the store fails."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, ChosenAgent] = OrderedDict()
        self._kept: OrderedDict[str, str] = OrderedDict()
        """The last revision that this process kept, by agent id."""

    async def choose(self, store: AgentSource, called: str, caller: str) -> ChosenAgent:
        """Return the stored agent for `called`, else the last one known, else the packaged one.

        Never raises, even if the store fails or is slow. Returns within DEADLINE_S, or within
        FIRST_DEADLINE_S if this process knows no earlier agent for the number.
        """
        known = self._known.get(called)
        within_s = FIRST_DEADLINE_S if known is None else DEADLINE_S
        deadline_s = asyncio.get_running_loop().time() + within_s
        try:
            async with store_deadline(within_s):
                answer = await answering(store, called, caller)
                problem = await _why_none(store, called) if answer is None else answer.problem
        except RingdownError as error:
            reason = str(error)
            instead = "packaged" if known is None else "last_known"
            _log.error("agent could not be read", reason=reason, instead=instead)
            return _instead(known, f"The agent could not be read: {reason}.")
        if problem is not None:
            agent_id = None if answer is None else answer.agent_id
            _log.error("agent cannot be used as it stands", agent=agent_id)
        if answer is None and known is not None:
            return _instead(known, problem)
        chosen = await _with_tools(store, _chosen(answer, problem), known, deadline_s)
        if not chosen.is_draft:
            self._remember(called, chosen)
        return chosen

    async def keep_revision(
        self, store: AgentStore, chosen: ChosenAgent, now: datetime.datetime
    ) -> None:
        """Keep the agent as a good revision, unless it was the last one kept. Never raises, and
        takes at most a second.

        This covers edits whose event is late or lost, in case the next edit is broken.
        """
        agent_id, revision = chosen.agent_id, chosen.agent.revision
        if not chosen.is_current or self._kept.get(agent_id) == revision:
            return
        try:
            async with store_deadline(KEEP_WITHIN_S):
                kept = Revision(revision=revision, agent=chosen.agent, seen_at=now)
                await store.keep_revision(agent_id, kept)
        except RingdownError as error:
            reason = str(error)
            _log.warning("revision could not be kept", agent=agent_id, reason=reason)
            return
        _set_last(self._kept, agent_id, revision, at_most=_MAX_KNOWN_AGENTS)

    def _remember(self, called: str, chosen: ChosenAgent) -> None:
        _set_last(self._known, called, chosen, at_most=_MAX_KNOWN_NUMBERS)


def _chosen(answer: Answering | None, problem: str | None) -> ChosenAgent:
    if answer is None:
        return ChosenAgent(DEFAULT_AGENT_ID, packaged_agent(), (), problem=problem)
    return ChosenAgent(
        answer.agent_id,
        answer.agent,
        (),
        is_draft=answer.is_draft,
        is_current=not answer.is_draft and problem is None,
        problem=problem,
    )


def _instead(known: ChosenAgent | None, problem: str | None) -> ChosenAgent:
    """Return the agent to use when the store has none that works."""
    return replace(known or _chosen(None, None), is_current=False, problem=problem)


async def _why_none(store: AgentStore, called: str) -> str | None:
    """Say what is wrong with the stored agent; None if none is stored, as on the first day."""
    line = await store.read_line(called)
    stored = line.agent or await store.read_agent(DEFAULT_AGENT_ID)
    return None if stored is None else summary(findings(stored.document).errors)


async def _with_tools(
    store: ToolStore, chosen: ChosenAgent, known: ChosenAgent | None, deadline_s: float
) -> ChosenAgent:
    agent = chosen.agent
    before_call = () if agent.before_call is None else (agent.before_call,)
    try:
        async with store_deadline(deadline_s - asyncio.get_running_loop().time()):
            found = await store.read_tools(
                tuple(dict.fromkeys((*agent.offered_tools, *before_call)))
            )
    except RingdownError as error:
        _log.error("tools could not be read", reason=str(error))
        if known is None or _names_tools(known.agent) != _names_tools(agent):
            return chosen
        return replace(chosen, tools=known.tools, facts_tool=known.facts_tool)
    return replace(
        chosen,
        tools=tuple(tool for tool in found if tool.name in agent.offered_tools),
        facts_tool=next((tool for tool in found if tool.name in before_call), None),
    )


def _names_tools(agent: Agent) -> tuple[object, ...]:
    return agent.offered_tools, agent.before_call


def _set_last(known: OrderedDict[str, _Value], key: str, value: _Value, *, at_most: int) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > at_most:
        known.popitem(last=False)

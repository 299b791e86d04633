"""Decides which agent answers a call: a valid version, whatever state its document is in.

The console saves field by field, so a document is often half finished while its operator works.
Such a document is invalid, and harmless: the last good revision keeps answering.
"""

import msgspec
from msgspec.structs import replace

from ringdown.agents import DEFAULT_AGENT_ID, Agent
from ringdown.agents.check import Findings, draft_findings, findings, summary
from ringdown.agents.store import AgentStore, StoredAgent


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """The agent that answers a call, and why it isn't the one that operators see."""

    agent_id: str
    agent: Agent
    is_draft: bool = False
    """A draft's revision isn't kept, because a draft must never become the last good revision."""
    problem: str | None = None
    """What is wrong with the newest version, in operators' words."""

    @property
    def revision(self) -> str:
        return self.agent.revision


async def answering(store: AgentStore, called: str, caller: str) -> Answering | None:
    """Return the agent for `called`; None if no version of it, or of the default one, can answer.

    A draft answers its testers; if it can't, `problem` says why. Reads the store once, and once or
    twice more if a document is broken or missing. Raises what the store raises.
    """
    line = await store.read_line(called)
    draft = _draft_for(caller, line.draft)
    if draft is not None and draft.agent is not None:
        return Answering(agent_id=line.agent_id, agent=draft.agent, is_draft=True)
    answer = await _published(store, line.agent_id, line.agent)
    if answer is None and line.agent_id != DEFAULT_AGENT_ID:
        default = await store.read_agent(DEFAULT_AGENT_ID)
        instead = await _published(store, DEFAULT_AGENT_ID, default)
        answer = instead and replace(instead, problem=_problem(line.agent_id, line.agent))
    if answer is not None and draft is not None:
        return replace(answer, problem=f"The draft can't be used.\n{summary(draft.errors)}")
    return answer


def _draft_for(caller: str, draft: StoredAgent | None) -> Findings | None:
    if draft is None:
        return None
    found = draft_findings(draft.document)
    return found if caller in found.testers else None


async def _published(
    store: AgentStore, agent_id: str, stored: StoredAgent | None
) -> Answering | None:
    """Return the agent from its document if that is valid, else from its last good revision."""
    if stored is not None and (agent := findings(stored.document).agent) is not None:
        return Answering(agent_id=agent_id, agent=agent)
    last = await store.last_revision(agent_id)
    if last is None:
        return None
    problem = _problem(agent_id, stored)
    return Answering(agent_id=agent_id, agent=last.agent, problem=problem)


def _problem(agent_id: str, stored: StoredAgent | None) -> str:
    if stored is None:
        return f"agents/{agent_id} does not exist."
    return summary(findings(stored.document).errors)

"""`agents copy`, `delete` and `diff`: work on whole agents, or on two versions of one."""

import argparse

from ringdown.agents import DEFAULT_AGENT_ID
from ringdown.agents.check import agent_document
from ringdown.agents.documents import Document, document_of, where
from ringdown.agents.store import AgentStore
from ringdown.errors import Conflict
from ringdown_cli.agents.looking import revision_or_stop
from ringdown_cli.agents.releasing import CHANGED_MEANWHILE, agreed, looked_at, say_difference
from ringdown_cli.agents.state import ensure_name, findings_of, read_or_stop
from ringdown_cli.agents.who import this_edit
from ringdown_cli.command import BROKEN, DONE, CannotGoOn, Surroundings
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.wording import counted


async def copy(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    source, copied = arguments.agent, arguments.copy
    ensure_name(copied)
    async with chosen_store(arguments.store, surroundings) as store:
        stored = await read_or_stop(store, source)
        try:
            await store.write_agent(copied, stored.document, over=None)
        except Conflict:
            raise CannotGoOn(
                f"Agent {copied} already exists. To see it: ringdown agents show {copied}"
            ) from None
        surroundings.terminal.say(f"{where(copied)} is a copy of {where(source)}.")
        surroundings.terminal.say(f"To change it: ringdown agents edit {copied}")
        return await looked_at(store, copied, surroundings, this_edit(arguments, surroundings))


async def delete(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    """Delete an agent and its draft. Its revisions stay, so that the latest one answers any number
    that still names the agent."""
    terminal, agent_id = surroundings.terminal, arguments.agent
    if agent_id == DEFAULT_AGENT_ID:
        raise CannotGoOn(
            f"{DEFAULT_AGENT_ID} answers every number that hasn't been given another agent, so it"
            f" can't be deleted.\nTo change it: ringdown agents edit {DEFAULT_AGENT_ID}"
        )
    async with chosen_store(arguments.store, surroundings) as store:
        stored = await read_or_stop(store, agent_id)
        draft = await store.read_agent(agent_id, draft=True)
        numbers = [n for n, name in (await store.list_numbers()).items() if name == agent_id]
        if numbers:
            commands = "\n".join(f"ringdown numbers unset {number}" for number in sorted(numbers))
            these = counted(len(numbers), "number")
            raise CannotGoOn(f"{agent_id} still answers {these}. First run:\n{commands}")
        with_draft = " and its draft" if draft is not None else ""
        if not agreed(arguments, terminal, f"Delete {where(agent_id)}{with_draft}?"):
            return BROKEN
        try:
            await store.delete_agent(agent_id, over=stored.version)
            if draft is not None:
                await store.delete_agent(agent_id, over=draft.version, draft=True)
        except Conflict:
            raise CannotGoOn(CHANGED_MEANWHILE.format(path=where(agent_id))) from None
    terminal.say(
        f"Deleted {where(agent_id)}{with_draft}. Its revisions are kept. To bring it back:\n"
        f"ringdown agents new {agent_id}, then ringdown agents rollback {agent_id} REVISION"
    )
    return DONE


async def diff(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    agent_id, terminal = arguments.agent, surroundings.terminal
    async with chosen_store(arguments.store, surroundings) as store:
        before, after = await _versions(store, agent_id, arguments.revisions)
    terminal.note(f"From {before[0]} to {after[0]}:")
    say_difference(terminal, before[1], after[1])
    return DONE


Version = tuple[str, Document]
"""A version's name and contents."""


async def _versions(
    store: AgentStore, agent_id: str, revisions: list[str]
) -> tuple[Version, Version]:
    """Return the two versions to compare: those named, or else the agent and its draft, or else
    the previous revision and the agent."""
    if len(revisions) == 2:
        return await _revision(store, agent_id, revisions[0]), await _revision(
            store, agent_id, revisions[1]
        )
    if len(revisions) > 2:
        raise CannotGoOn("Name at most two revisions.")
    stored = await read_or_stop(store, agent_id)
    present = where(agent_id), stored.document
    if revisions:
        return await _revision(store, agent_id, revisions[0]), present
    draft = await store.read_agent(agent_id, draft=True)
    if draft is not None:
        return present, (where(agent_id, draft=True), agent_document(draft.document))
    known = {each.revision: each for each in await store.list_revisions(agent_id)}
    agent = findings_of(stored.document, None).agent
    if agent is None and known:  # broken, so its last good revision answers calls
        return await _revision(store, agent_id, next(iter(known))), present
    kept = known.get(agent.revision) if agent is not None else None
    if kept is None or kept.replaced not in known:
        raise CannotGoOn(f"{agent_id} has no draft and no earlier revision.")
    return await _revision(store, agent_id, kept.replaced), present


async def _revision(store: AgentStore, agent_id: str, wanted: str) -> Version:
    revision = await revision_or_stop(store, agent_id, wanted)
    return f"revision {revision.revision}", document_of(revision.agent)

"""`agents publish`, `rollback` and `seed`: another version answers, in one step."""

import argparse

import msgspec

from ringdown.agents import DEFAULT_AGENT_ID, packaged_document
from ringdown.agents.check import agent_document
from ringdown.agents.difference import changed_fields
from ringdown.agents.documents import Document, document_of, where
from ringdown.agents.edits import look_at_edit
from ringdown.agents.store import AgentStore, Revision, Rollback, StoredAgent
from ringdown.errors import Conflict
from ringdown_cli.agents.looking import revision_or_stop
from ringdown_cli.agents.state import (
    findings_of,
    read_or_stop,
    say_difference,
    say_problems,
    say_status,
)
from ringdown_cli.command import BROKEN, DONE, CannotGoOn, Surroundings
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.terminal import Terminal

_CHANGED_MEANWHILE = "Somebody else changed {path} just now, so nothing is done. Try again."


async def publish(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal, agent_id = surroundings.terminal, arguments.agent
    async with chosen_store(arguments.store, surroundings) as store:
        draft = await read_or_stop(store, agent_id, draft=True)
        found = findings_of(draft.document, await store.declared_tools(), draft=True)
        say_problems(terminal, where(agent_id, draft=True), found)
        if found.agent is None:
            terminal.complain(f"Correct it first: ringdown agents edit {agent_id} --draft")
            return BROKEN
        stored = await store.read_agent(agent_id)
        before = {} if stored is None else stored.document
        _say_difference(terminal, before, agent_document(draft.document))
        if not _agreed(arguments, terminal, f"Publish this as agents/{agent_id}?"):
            return BROKEN
        released = {**draft.document, "publish": True}
        await _write(store, draft, released, is_draft=True)
        return await _looked_at(store, agent_id, surroundings, is_draft=True, told=True)


async def rollback(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal, agent_id = surroundings.terminal, arguments.agent
    async with chosen_store(arguments.store, surroundings) as store:
        stored = await read_or_stop(store, agent_id)
        present = findings_of(stored.document, None).agent
        answers = None if present is None else present.revision
        revision = await _revision_to_return_to(store, agent_id, arguments.revision, answers)
        if revision.revision == answers:
            terminal.say(f"Revision {answers} answers calls already: nothing is changed.")
            return DONE
        document = document_of(revision.agent, like=stored.document)
        terminal.say(f"Back to revision {revision.revision}:")
        _say_difference(terminal, stored.document, document)
        if not _agreed(arguments, terminal, f"Save this as agents/{agent_id}?"):
            return BROKEN
        rollback = Rollback(at=surroundings.now(), given_up=answers)
        await _write(store, stored, document)
        noted = msgspec.structs.replace(revision, seen_at=rollback.at, rollbacks=(rollback,))
        await store.keep_revision(agent_id, noted)
        return await _looked_at(store, agent_id, surroundings)


async def _revision_to_return_to(
    store: AgentStore, agent_id: str, wanted: str | None, answers: str | None
) -> Revision:
    """The one asked for, else the one that `answers` replaced. Of a broken document, or one that
    nobody has looked at yet, that is the last good version."""
    if wanted is not None:
        return await revision_or_stop(store, agent_id, wanted)
    revisions = {revision.revision: revision for revision in await store.list_revisions(agent_id)}
    before = revisions[answers].replaced if answers in revisions else next(iter(revisions), None)
    if before is not None and before in revisions:
        return revisions[before]
    raise CannotGoOn(
        f"There is no earlier revision of {agent_id} to go back to.\n"
        f"To see all revisions: ringdown agents history {agent_id}\n"
        f"To return to one of them: ringdown agents rollback {agent_id} REVISION"
    )


async def seed(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    async with chosen_store(arguments.store, surroundings, create=True) as store:
        if await seed_default_agent(store):
            surroundings.terminal.say(
                f"agents/{DEFAULT_AGENT_ID} is made, for every number without an agent of its own."
                f" Change it: ringdown agents edit {DEFAULT_AGENT_ID}"
            )
            return await _looked_at(store, DEFAULT_AGENT_ID, surroundings)
        surroundings.terminal.say(f"agents/{DEFAULT_AGENT_ID} is there already: it stays as it is.")
    return DONE


async def seed_default_agent(store: AgentStore) -> bool:
    """Make the agent that ships with Ringdown the default one; False if there is one already."""
    if await store.read_agent(DEFAULT_AGENT_ID) is not None:
        return False
    try:
        await store.write_agent(DEFAULT_AGENT_ID, dict(packaged_document()), over=None)
    except Conflict:
        return False
    return True


def _say_difference(terminal: Terminal, before: Document, after: Document) -> None:
    say_difference(terminal, before, after)
    if not changed_fields(before, after):
        terminal.say("It is the same as what answers now.")


def _agreed(arguments: argparse.Namespace, terminal: Terminal, question: str) -> bool:
    if arguments.yes or terminal.confirm(question):
        return True
    terminal.complain("Nothing is changed.")
    return False


async def _write(
    store: AgentStore, stored: StoredAgent, document: Document, *, is_draft: bool = False
) -> None:
    try:
        await store.write_agent(stored.agent_id, document, over=stored.version, draft=is_draft)
    except Conflict:
        path = where(stored.agent_id, draft=is_draft)
        raise CannotGoOn(_CHANGED_MEANWHILE.format(path=path)) from None


async def _looked_at(
    store: AgentStore,
    agent_id: str,
    surroundings: Surroundings,
    *,
    is_draft: bool = False,
    told: bool = False,
) -> int:
    """Say what an edit has led to; `told` if its problems have been said."""
    try:
        status = await look_at_edit(store, agent_id, surroundings.now(), draft=is_draft)
    except Conflict as error:
        raise CannotGoOn(f"{error}.") from None
    if status is None:
        raise CannotGoOn(f"{where(agent_id, draft=is_draft)} was deleted just now.")
    say_status(surroundings.terminal, status, told=told)
    return DONE if status.ok else BROKEN

"""`agents publish`, `rollback` and `seed`: another version answers, in one step."""

import argparse
import datetime

from ringdown.agents import DEFAULT_AGENT_ID, packaged_document
from ringdown.agents.check import agent_document
from ringdown.agents.edits import look_at_edit
from ringdown.agents.store import AgentStore, Revision, StoredAgent
from ringdown.errors import Conflict
from ringdown_cli.agents.difference import difference
from ringdown_cli.agents.documents import Document, document_of, where
from ringdown_cli.agents.looking import revision_or_stop
from ringdown_cli.agents.state import findings_of, read_or_stop, say_problems, say_status
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
        revision = await _revision_to_return_to(store, stored, arguments.revision)
        document = document_of(revision.agent, like=stored.document)
        terminal.say(f"Back to revision {revision.revision}:")
        _say_difference(terminal, stored.document, document)
        if not _agreed(arguments, terminal, f"Save this as agents/{agent_id}?"):
            return BROKEN
        await _write(store, stored, document)
        await _note_rollback(store, stored, surroundings.now())
        return await _looked_at(store, agent_id, surroundings)


async def _note_rollback(store: AgentStore, left: StoredAgent, now: datetime.datetime) -> None:
    agent = findings_of(left.document, None).agent
    if agent is not None:
        just_before = now - datetime.timedelta.resolution  # what answers now comes last
        note = Revision(revision=agent.revision, agent=agent, seen_at=just_before, rolled_back=True)
        await store.keep_revision(left.agent_id, note)


async def _revision_to_return_to(
    store: AgentStore, stored: StoredAgent, wanted: str | None
) -> Revision:
    """The one asked for, else the latest that is not what the document says now: of a broken
    document that is its last good version.

    Two operators may go back from the same bad version, so the second must name one.
    """
    if wanted is not None:
        return await revision_or_stop(store, stored.agent_id, wanted)
    present = findings_of(stored.document, None).agent
    for revision in await store.list_revisions(stored.agent_id):
        if present is None or revision.revision != present.revision:
            if revision.rolled_back:
                raise CannotGoOn(
                    f"{stored.agent_id} has been rolled back from revision {revision.revision}"
                    " already, so nothing is done. To use another revision, name it."
                    f" See: ringdown agents history {stored.agent_id}"
                )
            return revision
    raise CannotGoOn(
        f"There is no earlier revision of {stored.agent_id} to go back to."
        f" See: ringdown agents history {stored.agent_id}"
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
    lines = difference(before, after)
    for line, style in lines:
        terminal.say(line, style)
    if not lines:
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

"""`agents publish`, `rollback` and `seed`: change the version that answers, in one step."""

import argparse

from ringdown.agents import DEFAULT_AGENT_ID, packaged_document
from ringdown.agents.check import agent_document
from ringdown.agents.documents import Document, document_of, where
from ringdown.agents.edits import look_at_edit, publish as publish_draft
from ringdown.agents.store import (
    AgentStatus,
    AgentStore,
    Edit,
    Revision,
    Rollback,
    StoredAgent,
)
from ringdown.errors import Conflict
from ringdown.rehearsals.comparison import Standing, draft_standing
from ringdown_cli.agents.looking import revision_or_stop
from ringdown_cli.agents.state import (
    findings_of,
    read_or_stop,
    say_problems,
    say_status,
    styled_difference,
)
from ringdown_cli.agents.who import this_edit
from ringdown_cli.command import BROKEN, DONE, CannotGoOn, Surroundings
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.terminal import Terminal

CHANGED_MEANWHILE = "Someone else just changed {path}, so nothing was done. Try again."


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
        say_difference(terminal, before, agent_document(draft.document))
        published = findings_of(before, None).agent
        last = await draft_standing(
            store.documents,
            agent_id,
            draft=found.agent.revision,
            published=None if published is None else published.revision,
            now=surroundings.now(),
        )
        _say_standing(terminal, last)
        anyway = " anyway" if last.doubts else ""
        if not agreed(arguments, terminal, f"Publish this as agents/{agent_id}{anyway}?"):
            return BROKEN
        edit = this_edit(arguments, surroundings)
        try:
            status = await publish_draft(store, draft, edit.at, edit)
        except Conflict as error:
            raise CannotGoOn(f"{error}.") from None
        return await say_looked_at(store, terminal, agent_id, status, told=True)


def _say_standing(terminal: Terminal, last: Standing) -> None:
    """Print the result of the draft's last rehearsal, and reasons not to publish it."""
    for line in last.said:
        terminal.say(line)
    for line in last.doubts:
        terminal.complain(line)


async def rollback(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal, agent_id = surroundings.terminal, arguments.agent
    async with chosen_store(arguments.store, surroundings) as store:
        stored = await read_or_stop(store, agent_id)
        present = findings_of(stored.document, None).agent
        answers = None if present is None else present.revision
        revision = await _revision_to_return_to(store, agent_id, arguments.revision, answers)
        if revision.revision == answers:
            terminal.say(f"Revision {answers} already answers calls. Nothing was changed.")
            return DONE
        document = document_of(revision.agent, like=stored.document)
        terminal.say(f"Changes that restore revision {revision.revision}:")
        say_difference(terminal, stored.document, document)
        if not agreed(arguments, terminal, f"Save this as agents/{agent_id}?"):
            return BROKEN
        edit = this_edit(arguments, surroundings)
        back = Rollback(at=edit.at, by=edit.by, why=edit.why, given_up=answers)
        await _write(store, stored, document)
        return await looked_at(store, agent_id, surroundings, back)


async def _revision_to_return_to(
    store: AgentStore, agent_id: str, wanted: str | None, answers: str | None
) -> Revision:
    """Return the revision `wanted`, or else the one that `answers` replaced, or else the newest:
    the last good version of a broken or unchecked document."""
    if wanted is not None:
        return await revision_or_stop(store, agent_id, wanted)
    revisions = {revision.revision: revision for revision in await store.list_revisions(agent_id)}
    before = revisions[answers].replaced if answers in revisions else next(iter(revisions), None)
    if before is not None and before in revisions:
        return revisions[before]
    raise CannotGoOn(
        f"{agent_id} has no earlier revision to go back to.\n"
        f"To see all revisions: ringdown agents history {agent_id}\n"
        f"To return to one of them: ringdown agents rollback {agent_id} REVISION"
    )


async def seed(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    async with chosen_store(arguments.store, surroundings, create=True) as store:
        if await seed_default_agent(store):
            surroundings.terminal.say(
                f"Created agents/{DEFAULT_AGENT_ID}, which answers every number that hasn't been"
                f" given another agent. To change it: ringdown agents edit {DEFAULT_AGENT_ID}"
            )
            return await looked_at(store, DEFAULT_AGENT_ID, surroundings)
        surroundings.terminal.say(f"agents/{DEFAULT_AGENT_ID} already exists. Nothing was changed.")
    return DONE


async def seed_default_agent(store: AgentStore) -> bool:
    """Create the default agent that ships with Ringdown; False if there is one already."""
    if await store.read_agent(DEFAULT_AGENT_ID) is not None:
        return False
    try:
        await store.write_agent(DEFAULT_AGENT_ID, dict(packaged_document()), over=None)
    except Conflict:
        return False
    return True


def say_difference(terminal: Terminal, before: Document, after: Document) -> None:
    lines = styled_difference(before, after)
    for line, style in lines:
        terminal.say(line, style)
    if not lines:
        terminal.say("No differences.")


def agreed(arguments: argparse.Namespace, terminal: Terminal, question: str) -> bool:
    if arguments.yes or terminal.confirm(question):
        return True
    terminal.complain("Nothing was changed.")
    return False


async def _write(store: AgentStore, stored: StoredAgent, document: Document) -> None:
    try:
        await store.write_agent(stored.agent_id, document, over=stored.version)
    except Conflict:
        raise CannotGoOn(CHANGED_MEANWHILE.format(path=where(stored.agent_id))) from None


async def looked_at(
    store: AgentStore, agent_id: str, surroundings: Surroundings, edit: Edit | None = None
) -> int:
    """Check an agent after an `edit`, and print which version answers calls now. Raises CannotGoOn
    if the agent was just deleted."""
    status = await look_at_edit(store, agent_id, surroundings.now(), edit=edit)
    return await say_looked_at(store, surroundings.terminal, agent_id, status)


async def say_looked_at(
    store: AgentStore,
    terminal: Terminal,
    agent_id: str,
    status: AgentStatus | None,
    *,
    told: bool = False,
) -> int:
    """Like `looked_at`, for a known `status`. Pass `told` if the agent's problems were printed
    before."""
    if status is None:
        raise CannotGoOn(f"Someone just deleted {where(agent_id)}.")
    await say_status(terminal, store, agent_id, status, told=told)
    return DONE if status.ok else BROKEN

"""Agents in a store, for commands to work on."""

import datetime

from ringdown.agents.edits import look_at_edit
from ringdown.agents.store import StoredAgent
from ringdown.agents.yaml_text import to_yaml
from ringdown.stores import Store
from ringdown.tools import Json
from tests.cli.command_line import CommandLine

DOCUMENT: dict[str, Json] = {
    "instructions": "You sell flowers.\nThe roses cost ten dollars.\n",
    "greeting": "Hello, the flower shop.",
    "voice": "Kore",
}
TESTER = "+14155550123"


def write(
    command_line: CommandLine,
    document: dict[str, Json],
    *,
    agent_id: str = "shop",
    draft: bool = False,
) -> None:
    """Write a document the way someone in Firestore's console would: unchecked."""

    async def work(store: Store) -> None:
        before = await store.read_agent(agent_id, draft=draft)
        over = None if before is None else before.version
        await store.write_agent(agent_id, document, over=over, draft=draft)

    command_line.with_store(work)


def read(command_line: CommandLine, *, agent_id: str = "shop", draft: bool = False) -> StoredAgent:
    async def work(store: Store) -> StoredAgent | None:
        return await store.read_agent(agent_id, draft=draft)

    stored = command_line.with_store(work)
    assert stored is not None, "the document doesn't exist"
    return stored


def is_there(command_line: CommandLine, *, agent_id: str = "shop", draft: bool = False) -> bool:
    async def work(store: Store) -> bool:
        return await store.read_agent(agent_id, draft=draft) is not None

    return command_line.with_store(work)


def look(command_line: CommandLine, *, agent_id: str = "shop") -> None:
    """Check the agent and write its status, as `agent_edited` does after an edit."""

    async def work(store: Store) -> None:
        await look_at_edit(store, agent_id, datetime.datetime.now(datetime.UTC))

    command_line.with_store(work)


def answering_revision(command_line: CommandLine, *, agent_id: str = "shop") -> str | None:
    status = read(command_line, agent_id=agent_id).status
    assert status is not None, "the agent hasn't been checked"
    return status.revision


def save(command_line: CommandLine, **fields: Json) -> str:
    """Save the agent with these fields, using the command. Returns the revision that answers."""
    before = read(command_line).document if is_there(command_line) else DOCUMENT
    text = to_yaml({**before, **fields})
    ran = command_line.run("agents", "edit", "shop", "--file", "-", "--yes", answers=text)
    assert ran.status == 0, ran.all
    revision = answering_revision(command_line)
    assert revision is not None
    return revision

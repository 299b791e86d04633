"""The agent's document as the page shows and saves it: as operators would."""

import asyncio
import datetime

from devtools.talk.messages import AgentShown, SaveAgent
from ringdown.agents import DEFAULT_AGENT_ID
from ringdown.agents.check import findings
from ringdown.agents.documents import plain_text
from ringdown.agents.edits import look_at_edit
from ringdown.agents.yaml_text import NotReadable, from_yaml
from ringdown.errors import Conflict
from ringdown.stores import Store


async def show_agent(store: Store, said: str = "") -> AgentShown:
    """The document as it is stored now."""
    stored = await store.read_agent(DEFAULT_AGENT_ID)
    if stored is None:
        said = "The agent was deleted. Calls are answered by the one that ships with Ringdown."
        return AgentShown(text="", version="", said=said, good=False)
    return AgentShown(text=plain_text(stored.document), version=stored.version, said=said)


async def save_agent(store: Store, edit: SaveAgent, now: datetime.datetime) -> AgentShown:
    """Save a document that can be used; else give the text back with what is wrong with it."""
    try:
        document = await asyncio.to_thread(from_yaml, edit.text)
    except NotReadable as error:
        return _refused(edit, str(error))
    found = await asyncio.to_thread(findings, document, await store.declared_tools())
    if found.agent is None:
        return _refused(edit, "\n".join((*found.errors, *found.remarks)))
    try:
        await store.write_agent(DEFAULT_AGENT_ID, document, over=edit.version or None)
    except Conflict:
        theirs = await show_agent(store)
        said = "Somebody else saved the agent meanwhile. Your text stays; save again to replace it."
        return AgentShown(text=edit.text, version=theirs.version, said=said, good=False)
    await look_at_edit(store, DEFAULT_AGENT_ID, now)
    return await show_agent(store, "\n".join(("Saved. The next call uses it.", *found.remarks)))


def _refused(edit: SaveAgent, why: str) -> AgentShown:
    said = f"Not saved:\n{why}"
    return AgentShown(text=edit.text, version=edit.version, said=said, good=False)

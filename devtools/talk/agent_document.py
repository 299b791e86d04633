"""The agent's document as the page shows and saves it: as operators would."""

import asyncio
import datetime

from msgspec.structs import replace

from devtools.talk.messages import AgentShown, EditAgent, FieldProblem, Purpose
from ringdown.agents import DEFAULT_AGENT_ID
from ringdown.agents.check import Findings, findings
from ringdown.agents.documents import plain_text
from ringdown.agents.edits import look_at_edit
from ringdown.agents.yaml_text import NotReadable, from_yaml
from ringdown.errors import Conflict
from ringdown.stores import Store
from ringdown.tools import Json


async def show_agent(store: Store, purpose: Purpose = "show", said: str = "") -> AgentShown:
    """The document as it is stored now."""
    stored = await store.read_agent(DEFAULT_AGENT_ID)
    if stored is None:
        said = "The agent was deleted. Calls are answered by the one that ships with Ringdown."
        return AgentShown(purpose, text="", fields={}, version="", said=said, good=False)
    found = await _check(store, stored.document)
    return AgentShown(
        purpose,
        text=plain_text(stored.document),
        fields=stored.document,
        version=stored.version,
        problems=_problems(found),
        said=said,
        good=found.agent is not None,
    )


async def edit_agent(store: Store, edit: EditAgent, now: datetime.datetime) -> AgentShown:
    """What is wrong with the edit. It is saved if that is wanted, and if it can be used."""
    try:
        document = _changed(await asyncio.to_thread(from_yaml, edit.text), edit.fields)
    except NotReadable as error:
        said = "Not saved." if edit.purpose == "save" else ""
        problem = FieldProblem("", str(error))
        return AgentShown(edit.purpose, edit.text, None, edit.version, (problem,), said, good=False)
    found = await _check(store, document)
    if edit.purpose != "save" or found.agent is None:
        said = "Not saved. Correct what is marked." if edit.purpose == "save" else ""
        return _as_edited(edit, document, found, edit.version, said)
    try:
        await store.write_agent(DEFAULT_AGENT_ID, document, over=edit.version or None)
    except Conflict:
        theirs = await show_agent(store)
        said = "Somebody else saved the agent meanwhile. Your text stays; save again to replace it."
        return replace(_as_edited(edit, document, found, theirs.version, said), good=False)
    await look_at_edit(store, DEFAULT_AGENT_ID, now)
    return await show_agent(store, "save", "Saved. The next call uses it.")


def _changed(document: dict[str, Json], fields: dict[str, Json]) -> dict[str, Json]:
    merged = {**document, **fields}
    return {name: value for name, value in merged.items() if fields.get(name, "") is not None}


async def _check(store: Store, document: dict[str, Json]) -> Findings:
    return await asyncio.to_thread(findings, document, await store.declared_tools())


def _as_edited(
    edit: EditAgent, document: dict[str, Json], found: Findings, version: str, said: str
) -> AgentShown:
    return AgentShown(
        edit.purpose,
        text=plain_text(document),
        fields=document,
        version=version,
        problems=_problems(found),
        said=said,
        good=found.agent is not None,
    )


def _problems(found: Findings) -> tuple[FieldProblem, ...]:
    """Findings begin with the field that they are about, as operators write it."""
    split = (problem.partition(": ") for problem in (*found.errors, *found.remarks))
    return tuple(FieldProblem(field, words) for field, _, words in split)

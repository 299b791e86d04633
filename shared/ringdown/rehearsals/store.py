"""Stores personas and rehearsals."""

from collections.abc import Sequence

from ringdown.documents import to_record
from ringdown.errors import InvalidDocument
from ringdown.rehearsals import Persona, PersonaRun, Rehearsal
from ringdown.rehearsals.bounds import bounded
from ringdown.stores.documents import Documents
from ringdown.stores.paths import (
    REHEARSAL_RUNS,
    REHEARSALS,
    document_path,
    rehearsal_run_path,
    rehearsed_call_path,
    rehearsed_calls_path,
    text_of_id,
)
from ringdown.stores.storable import Document

# Every function raises StoreUnavailable when the store doesn't answer.


async def list_personas(documents: Documents) -> tuple[dict[str, Persona], dict[str, str]]:
    """Return the personas by name, and what is wrong with unreadable ones, also by name.

    Both are sorted. A persona has the name of its document.
    """
    personas, problems = {}, {}
    for path, document in sorted((await documents.list(REHEARSALS)).items()):
        name = text_of_id(path)
        try:
            personas[name] = to_record(Persona, {**document, "name": name}, where=path)
        except InvalidDocument as error:
            problems[name] = str(error)
    return personas, problems


async def persona_document(documents: Documents, name: str) -> Document:
    """Return a persona's document as stored, readable or not; empty if there is none."""
    return (await documents.list(REHEARSALS)).get(document_path(REHEARSALS, name), {})


async def write_persona(documents: Documents, persona: Persona) -> None:
    await documents.write(document_path(REHEARSALS, persona.name), persona)


async def delete_persona(documents: Documents, name: str) -> None:
    await documents.delete(document_path(REHEARSALS, name))


async def keep_rehearsal(
    documents: Documents, rehearsal: Rehearsal, runs: Sequence[PersonaRun]
) -> None:
    """Store a rehearsal after its calls, so that any rehearsal that is found has its calls."""
    for run in runs:
        path = rehearsed_call_path(rehearsal.id, run.persona.name, run.run)
        await documents.write(path, bounded(run))
    await documents.write(rehearsal_run_path(rehearsal.id), rehearsal)


async def list_rehearsals(documents: Documents, agent_id: str) -> tuple[Rehearsal, ...]:
    """Return the agent's rehearsals, newest first, without any that can't be read."""
    found = []
    for path, document in sorted((await documents.list(REHEARSAL_RUNS)).items(), reverse=True):
        try:
            rehearsal = to_record(Rehearsal, document, where=path)
        except InvalidDocument:
            continue
        if rehearsal.agent_id == agent_id:
            found.append(rehearsal)
    return tuple(found)


async def read_runs(documents: Documents, rehearsal_id: str) -> tuple[PersonaRun, ...]:
    """Return the calls of a rehearsal, sorted by name, without any that can't be read."""
    found = []
    listed = await documents.list(rehearsed_calls_path(rehearsal_id))
    for path, document in sorted(listed.items()):
        try:
            found.append(to_record(PersonaRun, document, where=path))
        except InvalidDocument:
            continue
    return tuple(found)

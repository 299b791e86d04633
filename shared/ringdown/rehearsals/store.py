"""Where personas and rehearsals are kept."""

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
    """The personas by name, in order, and what is wrong with those that can't be read, likewise.

    A persona's name is its document's.
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
    """As it is stored, whether or not it can be read; empty if there is none."""
    return (await documents.list(REHEARSALS)).get(document_path(REHEARSALS, name), {})


async def write_persona(documents: Documents, persona: Persona) -> None:
    await documents.write(document_path(REHEARSALS, persona.name), persona)


async def delete_persona(documents: Documents, name: str) -> None:
    await documents.delete(document_path(REHEARSALS, name))


async def keep_rehearsal(
    documents: Documents, rehearsal: Rehearsal, runs: Sequence[PersonaRun]
) -> None:
    """Writes the calls first, so that a rehearsal that can be found has its calls."""
    for run in runs:
        path = rehearsed_call_path(rehearsal.id, run.persona.name, run.run)
        await documents.write(path, bounded(run))
    await documents.write(rehearsal_run_path(rehearsal.id), rehearsal)


async def list_rehearsals(documents: Documents, agent_id: str) -> tuple[Rehearsal, ...]:
    """The agent's, newest first, without any that can't be read."""
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
    """The calls of a rehearsal, ordered by name, without any that can't be read."""
    found = []
    listed = await documents.list(rehearsed_calls_path(rehearsal_id))
    for path, document in sorted(listed.items()):
        try:
            found.append(to_record(PersonaRun, document, where=path))
        except InvalidDocument:
            continue
    return tuple(found)

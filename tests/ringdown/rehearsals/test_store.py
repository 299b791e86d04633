import datetime

from ringdown.rehearsals import RETENTION, Rehearsal
from ringdown.rehearsals.persona_text import packaged_personas
from ringdown.rehearsals.store import (
    delete_persona,
    keep_rehearsal,
    list_personas,
    list_rehearsals,
    persona_document,
    read_runs,
    write_persona,
)
from ringdown.stores import Store
from tests.ringdown.rehearsals.samples import PERSONA, a_record, a_run
from tests.ringdown.samples import NOW
from tests.ringdown.stores.contract import Put


def a_rehearsal(hours: int = 0, *, agent_id: str = "default") -> Rehearsal:
    at = NOW + datetime.timedelta(hours=hours)
    return Rehearsal(
        id=f"{at:%Y%m%dT%H%M%SZ}-{agent_id}",
        agent_id=agent_id,
        is_draft=True,
        agent_revision="0123456789ab",
        model="gemini-3.8-live",
        is_stand_in=False,
        began_at=at,
        ended_at=at,
        expires_at=at + RETENTION,
    )


async def test_what_ships_can_be_stored_and_is_read_as_it_was(store: Store) -> None:
    documents, shipped = store.documents, packaged_personas()
    for persona in shipped.values():
        await write_persona(documents, persona)

    assert await list_personas(documents) == (shipped, {})
    await delete_persona(documents, "interrupts")
    del shipped["interrupts"]
    assert await list_personas(documents) == (shipped, {})


async def test_a_persona_written_by_hand_is_named_by_its_document(store: Store, put: Put) -> None:
    await put("rehearsals/by-hand", {"who": "Somebody.", "wants": "The opening hours."})
    await put("rehearsals/copied", {"name": "by-hand", "who": "Somebody.", "wants": "A price."})
    personas, _ = await list_personas(store.documents)
    assert [(name, it.name) for name, it in personas.items()] == [
        ("by-hand", "by-hand"),
        ("copied", "copied"),
    ]


async def test_a_persona_that_cannot_be_read_hides_no_other(store: Store, put: Put) -> None:
    await write_persona(store.documents, PERSONA)
    await put("rehearsals/broken", {"name": "broken", "who": 7})

    personas, problems = await list_personas(store.documents)

    assert personas == {PERSONA.name: PERSONA}
    assert problems == {"broken": "rehearsals/broken: who: Expected `str`, got `int`"}
    document = await persona_document(store.documents, "broken")
    assert document == {"name": "broken", "who": 7}


async def test_the_newest_rehearsal_of_an_agent_comes_first(store: Store) -> None:
    for rehearsal in (a_rehearsal(1), a_rehearsal(2), a_rehearsal(3, agent_id="other")):
        await keep_rehearsal(store.documents, rehearsal, ())

    found = await list_rehearsals(store.documents, "default")

    assert found == (a_rehearsal(2), a_rehearsal(1))


async def test_calls_are_kept_below_their_rehearsal(store: Store) -> None:
    runs = [a_run(run=1), a_run(run=2)]
    await keep_rehearsal(store.documents, a_rehearsal(), runs)
    await keep_rehearsal(store.documents, a_rehearsal(1), [a_run(run=1)])

    found = await read_runs(store.documents, a_rehearsal().id)

    assert [it.run for it in found] == [1, 2]
    assert [it.record and it.record.turns for it in found] == [a_record().turns] * 2

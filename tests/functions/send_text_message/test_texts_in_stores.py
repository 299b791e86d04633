"""Text templates, and the count of texts, in every store."""

import asyncio
import datetime

from ringdown.caller_texts import SentText, count_text
from ringdown.calls.callers import Forgotten
from ringdown.stores import Store
from ringdown.stores.paths import document_path
from tests.ringdown.samples import CALL_SID, CALLER, NOW
from text_messages.templates import TextTemplate, read_template, template_names

NEXT_DAY = NOW + datetime.timedelta(days=1)


def a_text(key: str, call_sid: str = CALL_SID, at: datetime.datetime = NOW) -> SentText:
    return SentText(key=key, call_sid=call_sid, at=at)


async def test_texts_are_found_by_name(store: Store, other_store: Store) -> None:
    template = TextTemplate(text="Your box comes on {day}.")
    assert await read_template(store.documents, "day") is None
    await store.documents.write("text_templates/day", template)
    await store.documents.write(document_path("text_templates", "Anfahrt/Köln"), template)
    assert await read_template(other_store.documents, "day") == template
    assert await template_names(other_store.documents) == ("Anfahrt/Köln", "day")


async def test_a_number_gets_three_texts_in_a_call_and_six_in_a_day(
    store: Store, other_store: Store
) -> None:
    for call in ("CA1", "CA2"):
        for key in ("1", "2", "3", "3"):
            assert await count_text(store.documents, CALLER, a_text(f"{call}:{key}", call))
        assert not await count_text(other_store.documents, CALLER, a_text(f"{call}:4", call))
    assert not await count_text(store.documents, CALLER, a_text("CA3:1", "CA3"))
    assert await count_text(store.documents, "+14155550124", a_text("CA4:1", "CA4"))
    assert await count_text(store.documents, CALLER, a_text("CA5:1", "CA5", NEXT_DAY))


async def test_texts_at_once_cannot_outrun_the_count(store: Store, other_store: Store) -> None:
    texts = [
        count_text((store, other_store)[n % 2].documents, CALLER, a_text(f"{n}")) for n in range(8)
    ]
    assert sum(await asyncio.gather(*texts)) == 3


async def test_of_a_forgotten_caller_no_text_is_counted(store: Store) -> None:
    for key in ("1", "2", "3"):
        await count_text(store.documents, CALLER, a_text(key))
    assert await store.forget_caller(CALLER) == Forgotten(callers=0, calls=0, documents=1)
    assert await count_text(store.documents, CALLER, a_text("4"))

"""Records of any kind, in every store."""

import asyncio
import datetime

import msgspec
import pytest

from ringdown.errors import InvalidDocument
from ringdown.stores import Store, open_store
from ringdown.stores.documents import Documents
from ringdown.stores.paths import document_path
from tests.ringdown.samples import CALLED, CALLER, NOW
from tests.ringdown.stores.contract import Put


class Box(msgspec.Struct, frozen=True, kw_only=True):
    count: int
    packed_at: datetime.datetime = NOW
    labels: tuple[str, ...] = ()


class Named(Box, frozen=True, kw_only=True):
    name: str


@pytest.fixture
def documents(store: Store) -> Documents:
    return store.documents


@pytest.fixture
def others(other_store: Store) -> Documents:
    """The same documents, opened a second time, as by another process."""
    return other_store.documents


PATH = "boxes/a"


async def test_what_is_written_is_read(documents: Documents, others: Documents) -> None:
    assert await documents.read(Box, PATH) is None
    box = Box(count=1, labels=("ü", ""))
    await documents.write(PATH, box)
    assert await others.read(Box, PATH) == box
    await documents.write(PATH, Box(count=2))
    assert await others.read(Box, PATH) == Box(count=2)


async def test_a_plain_document_will_do(documents: Documents) -> None:
    assert await documents.create(PATH, {"count": 3, "note": None})
    await documents.write("boxes/b", {"count": 4})
    assert await documents.read(Box, PATH) == Box(count=3)
    assert await documents.read(Box, "boxes/b") == Box(count=4)


async def test_documents_are_found_by_a_field(documents: Documents, put: Put) -> None:
    for n, count in enumerate((1, 2, 1)):
        labels = ("ü",) if n else ()
        await documents.write(f"boxes/{n}", Named(name=f"box {count}", count=n, labels=labels))
    await documents.write("boxes/0/below/x", Named(name="box 1", count=9))
    await put("boxes/damaged", {"name": "box 1", "count": "many"})

    found = await documents.find(Named, "boxes", "name", "box 1", limit=5)
    assert {each.count for each in found} == {0, 2}
    assert await documents.find(Named, "boxes", "name", "box", limit=5) == ()
    assert await documents.find(Named, "chests", "name", "box 1", limit=5) == ()


async def test_the_newest_documents_come_first(documents: Documents, put: Put) -> None:
    hour = datetime.timedelta(hours=1)
    boxes = [Box(count=n, packed_at=NOW - n * hour) for n in range(5)]
    for n in (3, 1, 0, 4, 2):
        await documents.write(f"boxes/{n}", boxes[n])
    await put("boxes/damaged", {"packed_at": NOW, "count": "many"})

    async def newest(since: datetime.datetime, limit: int) -> list[int]:
        found = await documents.newest(Box, "boxes", "packed_at", since=since, limit=limit)
        return [each.count for each in found]

    assert await newest(NOW - 3 * hour, 9) == [0, 1, 2, 3]
    assert await newest(NOW - hour / 2, 9) == [0]
    assert await newest(NOW + hour, 9) == []


async def test_a_document_that_does_not_fit_is_told(documents: Documents, put: Put) -> None:
    await put(PATH, {"count": "many"})
    with pytest.raises(InvalidDocument, match=r"boxes/a: count: "):
        await documents.read(Box, PATH)
    with pytest.raises(InvalidDocument, match=r"boxes/a: count: "):
        await documents.change(Box, PATH, lambda _: Box(count=1))


@pytest.mark.parametrize(
    "path", [f"sent_texts/{CALLER}", f"callbacks/2026-11-02T09:30Z {CALLER}", f"numbers/{CALLED}"]
)
async def test_what_is_told_of_a_document_names_no_phone_number(
    documents: Documents, put: Put, path: str
) -> None:
    shown = f"^{path.partition('/')[0]}/…"
    await put(path, {"count": "many"})
    with pytest.raises(InvalidDocument, match=f"{shown}: count: "):
        await documents.read(Box, path)
    with pytest.raises(InvalidDocument, match=f"{shown}: count: "):
        await documents.change(Box, path, lambda _: Box(count=1))


async def test_what_firestore_refuses_is_told_without_a_phone_number(
    firestore_project: str,
) -> None:
    async with open_store(f"firestore:{firestore_project}") as store:
        with pytest.raises(InvalidDocument, match="refuses") as refused:
            await store.documents.write(f"sent_texts/{CALLER}", {"text": "x" * 1_100_000})
    assert CALLER not in str(refused.value)


async def test_of_many_who_create_one_is_first(documents: Documents, others: Documents) -> None:
    creating = [(documents, others)[n % 2].create(PATH, Box(count=n)) for n in range(6)]
    created = await asyncio.gather(*creating)
    assert sum(created) == 1
    assert await others.read(Box, PATH) == Box(count=created.index(True))


async def test_no_change_is_lost(documents: Documents, others: Documents) -> None:
    def one_more(box: Box | None) -> Box | None:
        return Box(count=1 if box is None else box.count + 1)

    changing = [(documents, others)[n % 2].change(Box, PATH, one_more) for n in range(8)]
    assert all(await asyncio.gather(*changing))
    assert await documents.read(Box, PATH) == Box(count=8)


async def test_a_change_to_nothing_is_none(documents: Documents) -> None:
    assert not await documents.change(Box, PATH, lambda _: None)
    assert await documents.read(Box, PATH) is None
    await documents.write(PATH, Box(count=1))
    assert not await documents.change(Box, PATH, lambda _: None)
    assert await documents.read(Box, PATH) == Box(count=1)


async def test_what_is_deleted_can_be_created_again(
    documents: Documents, others: Documents
) -> None:
    await documents.delete(PATH)
    await documents.create(PATH, Box(count=1))
    await others.delete(PATH)
    assert await documents.read(Box, PATH) is None
    assert await documents.create(PATH, Box(count=2))


async def test_a_collection_is_listed_without_what_is_below_or_beside_it(
    documents: Documents, put: Put
) -> None:
    await documents.write("boxes/b", {"count": 2})
    await documents.write("boxes/a", {"count": 1})
    await put("boxes/c", {"of": "another kind"})
    await documents.write("boxes/a/parts/1", {"count": 3})
    await documents.write("boxes2/a", {"count": 4})
    assert await documents.list("boxes") == {
        "boxes/a": {"count": 1},
        "boxes/b": {"count": 2},
        "boxes/c": {"of": "another kind"},
    }
    assert await documents.list("crates") == {}


@pytest.mark.parametrize("id", ["Anfahrt/Köln", "..", "__x__", "a%b", "x" * 2_000, "+14155550123"])
async def test_any_text_is_an_id(documents: Documents, id: str) -> None:
    path = document_path("boxes", id)
    await documents.write(path, Box(count=1))
    assert list(await documents.list("boxes")) == [path]
    assert await documents.read(Box, path) == Box(count=1)

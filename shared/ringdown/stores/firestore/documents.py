"""Documents in Firestore."""

import datetime
from collections.abc import Callable, Iterable, Iterator

import msgspec

from ringdown.documents import Record
from ringdown.stores.firestore.database import Database
from ringdown.stores.firestore.operations import Condition, Create, Delete, Replace, Stored
from ringdown.stores.storable import Document, to_document, to_plain


class FirestoreDocuments:
    """Implements `ringdown.stores.documents.Documents`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, kind: type[Record], path: str) -> Record | None:
        async with self._database.deadline():
            stored = await self._database.read(path)
        return None if stored is None else stored.record(kind)

    async def list(self, collection: str) -> dict[str, Document]:
        async with self._database.deadline():
            found = await self._database.read_below(collection)
        return {stored.path: stored.fields for stored in found}

    async def find(
        self, kind: type[Record], collection: str, field: str, value: str, *, limit: int
    ) -> tuple[Record, ...]:
        async with self._database.deadline():
            found = await self._database.query(
                collection, Condition((field,), "==", value), limit=limit
            )
        return tuple(_readable(kind, found))

    async def newest(
        self,
        kind: type[Record],
        collection: str,
        field: str,
        *,
        since: datetime.datetime,
        limit: int,
    ) -> tuple[Record, ...]:
        async with self._database.deadline():
            found = await self._database.query(
                collection, Condition((field,), ">=", since), newest_by=field, limit=limit
            )
        return tuple(_readable(kind, found))

    async def create(self, path: str, record: msgspec.Struct | Document) -> bool:
        async with self._database.deadline():
            return await self._database.commits(Create(path, to_plain(record)))

    async def write(self, path: str, record: msgspec.Struct | Document) -> None:
        async with self._database.deadline():
            await self._database.commit(Replace(path, to_plain(record)))

    async def change(
        self, kind: type[Record], path: str, decide: Callable[[Record | None], Record | None]
    ) -> bool:
        def decided(stored: Stored | None) -> Document | None:
            record = decide(None if stored is None else stored.record(kind))
            return None if record is None else to_document(record)

        async with self._database.deadline():
            return await self._database.change(path, decided)

    async def delete(self, path: str) -> None:
        async with self._database.deadline():
            await self._database.commit(Delete(path))


def _readable(kind: type[Record], found: Iterable[Stored]) -> Iterator[Record]:
    for stored in found:
        if (record := stored.record_if_readable(kind)) is not None:
            yield record

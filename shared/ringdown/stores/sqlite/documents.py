"""Documents in SQLite."""

import datetime
from collections.abc import Callable, Iterator
from itertools import islice

import msgspec

from ringdown.documents import Record, to_record
from ringdown.errors import InvalidDocument
from ringdown.stores.sqlite.table import Table, Worker
from ringdown.stores.storable import Document, to_plain


class SqliteDocuments:
    """Implements `ringdown.stores.documents.Documents`."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def read(self, kind: type[Record], path: str) -> Record | None:
        return await self._worker.run(lambda table: table.read(kind, path))

    async def list(self, collection: str) -> dict[str, Document]:
        return dict(await self._worker.run(lambda table: table.fields_below(collection)))

    async def find(
        self, kind: type[Record], collection: str, field: str, value: str, *, limit: int
    ) -> tuple[Record, ...]:
        def work(table: Table) -> tuple[Record, ...]:
            found = _records(table, kind, collection)
            return tuple(islice((each for each in found if getattr(each, field) == value), limit))

        return await self._worker.run(work)

    async def newest(
        self,
        kind: type[Record],
        collection: str,
        field: str,
        *,
        since: datetime.datetime,
        limit: int,
    ) -> tuple[Record, ...]:
        def work(table: Table) -> tuple[Record, ...]:
            def when(record: Record) -> datetime.datetime:
                at: datetime.datetime = getattr(record, field)
                return at

            found = (each for each in _records(table, kind, collection) if when(each) >= since)
            return tuple(sorted(found, key=when, reverse=True)[:limit])

        return await self._worker.run(work)

    async def create(self, path: str, record: msgspec.Struct | Document) -> bool:
        def work(table: Table) -> bool:
            with table.transaction():
                if table.fields(path) is not None:
                    return False
                table.write(path, to_plain(record))
                return True

        return await self._worker.run(work)

    async def write(self, path: str, record: msgspec.Struct | Document) -> None:
        def work(table: Table) -> None:
            with table.transaction():
                table.write(path, to_plain(record))

        await self._worker.run(work)

    async def change(
        self, kind: type[Record], path: str, decide: Callable[[Record | None], Record | None]
    ) -> bool:
        def work(table: Table) -> bool:
            with table.transaction():
                record = decide(table.read(kind, path))
                if record is not None:
                    table.write(path, to_plain(record))
                return record is not None

        return await self._worker.run(work)

    async def delete(self, path: str) -> None:
        def work(table: Table) -> None:
            with table.transaction():
                table.erase(path)

        await self._worker.run(work)


def _records(table: Table, kind: type[Record], collection: str) -> Iterator[Record]:
    for path, fields in table.fields_below(collection):
        try:
            yield to_record(kind, fields, where=path)
        except InvalidDocument:
            continue

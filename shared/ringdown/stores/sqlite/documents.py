"""Documents in SQLite."""

from collections.abc import Callable

import msgspec

from ringdown.documents import Record
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

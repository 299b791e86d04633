"""The port for code with its own records, such as tools.

A path is `document_path(collection, id)`. A record is a frozen struct (`ringdown.documents`).
"""

import datetime
from collections.abc import Callable
from typing import Protocol

import msgspec

from ringdown.documents import Record
from ringdown.stores.storable import Document


class Documents(Protocol):
    """Every method raises StoreUnavailable when the store doesn't answer.

    Methods that read a record raise InvalidDocument if the document doesn't fit it.
    """

    async def read(self, kind: type[Record], path: str) -> Record | None:
        """Read a record; return None if the document doesn't exist."""

    async def list(self, collection: str) -> dict[str, Document]:
        """Return the raw documents of `collection` by path, without documents nested below them."""

    async def find(
        self, kind: type[Record], collection: str, field: str, value: str, *, limit: int
    ) -> tuple[Record, ...]:
        """Return records of `collection` whose `field` is `value`, in any order, skipping any that
        can't be read."""

    async def newest(
        self,
        kind: type[Record],
        collection: str,
        field: str,
        *,
        since: datetime.datetime,
        limit: int,
    ) -> tuple[Record, ...]:
        """Return records of `collection` whose time in `field` is `since` or later, newest first,
        skipping any that can't be read."""

    async def create(self, path: str, record: msgspec.Struct | Document) -> bool:
        """Create the document. If it already exists, return False and leave it unchanged."""

    async def write(self, path: str, record: msgspec.Struct | Document) -> None:
        """Write the whole document, whether it exists or not."""

    async def change(
        self, kind: type[Record], path: str, decide: Callable[[Record | None], Record | None]
    ) -> bool:
        """Write what `decide` returns for the stored record. If the record was changed meanwhile,
        decide again; if `decide` returns None, write nothing and return False."""

    async def delete(self, path: str) -> None:
        """Delete the document, if there is one."""

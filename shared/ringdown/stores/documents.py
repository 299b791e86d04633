"""Documents for parts with their own records: the port that tools get.

A path is `document_path(collection, id)`. A record is a frozen struct (`ringdown.documents`).
"""

import datetime
from collections.abc import Callable
from typing import Protocol

import msgspec

from ringdown.documents import Record
from ringdown.stores.storable import Document


class Documents(Protocol):
    """Every method raises StoreUnavailable when the store does not answer.

    Methods that read a record raise InvalidDocument if the document doesn't fit it.
    """

    async def read(self, kind: type[Record], path: str) -> Record | None:
        """None if the document doesn't exist."""

    async def list(self, collection: str) -> dict[str, Document]:
        """The raw documents of `collection` by path, without those below them."""

    async def find(
        self, kind: type[Record], collection: str, field: str, value: str, *, limit: int
    ) -> tuple[Record, ...]:
        """Records of `collection` whose `field` is `value`, in any order, without any that can't be
        read."""

    async def newest(
        self,
        kind: type[Record],
        collection: str,
        field: str,
        *,
        since: datetime.datetime,
        limit: int,
    ) -> tuple[Record, ...]:
        """Records of `collection` whose time in `field` is `since` or later, newest first, without
        any that can't be read."""

    async def create(self, path: str, record: msgspec.Struct | Document) -> bool:
        """False if the document already exists; it stays unchanged."""

    async def write(self, path: str, record: msgspec.Struct | Document) -> None:
        """Write the whole document, whether it exists or not."""

    async def change(
        self, kind: type[Record], path: str, decide: Callable[[Record | None], Record | None]
    ) -> bool:
        """Write what `decide` makes of the stored record; if someone changed that meanwhile, decide
        again. False, and nothing is written, if `decide` returns None."""

    async def delete(self, path: str) -> None:
        """Delete the document, if there is one."""

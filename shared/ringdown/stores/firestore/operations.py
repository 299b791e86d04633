"""Requests to a Firestore database, and its responses. Data only."""

import datetime
from dataclasses import dataclass

from ringdown.documents import Record, to_record
from ringdown.errors import InvalidDocument
from ringdown.stores.paths import shown_path
from ringdown.stores.storable import Document
from ringdown.tools import Json


class PreconditionFailed(Exception):
    """A write's condition doesn't hold, so none of its batch was written."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A document that was read."""

    path: str
    fields: Document
    updated_at: datetime.datetime
    """When the document last changed, to the nanosecond; identifies the version that was read."""

    def record(self, kind: type[Record]) -> Record:
        """Convert the document to a record. Raises InvalidDocument."""
        return to_record(kind, self.fields, where=shown_path(self.path))

    def record_if_readable(self, kind: type[Record]) -> Record | None:
        try:
            return self.record(kind)
        except InvalidDocument:
            return None


@dataclass(frozen=True, slots=True)
class Create:
    """Creates the document; fails if it exists."""

    path: str
    document: Document


@dataclass(frozen=True, slots=True)
class Replace:
    """Writes the whole document, whether it exists or not."""

    path: str
    document: Document


@dataclass(frozen=True, slots=True)
class Update:
    """Writes only these top-level fields; fails if the document doesn't exist, or is no longer the
    version of `unchanged_since`."""

    path: str
    fields: Document
    unchanged_since: datetime.datetime | None = None
    without: tuple[str, ...] = ()
    """Fields to delete."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Sets `saved_at` to the server's time; fails if the document doesn't exist."""

    path: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Deletes the document, if it exists; fails if it isn't the version of `unchanged_since`."""

    path: str
    unchanged_since: datetime.datetime | None = None


Write = Create | Replace | Update | Stamp | Delete


@dataclass(frozen=True, slots=True)
class Condition:
    """At least one of `fields` compares to `value` by `operator`, which is ==, in, < or >=."""

    fields: tuple[str, ...]
    operator: str
    value: Json

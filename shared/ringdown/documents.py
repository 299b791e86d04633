"""Turns the plain documents that stores keep into records.

A record is a frozen `msgspec.Struct`; a document is what JSON and Firestore have in common: dicts
with string keys, lists, strings, numbers, booleans, None and (Firestore) datetimes.
"""

from typing import TypeVar

import msgspec

from ringdown.errors import InvalidDocument

Record = TypeVar("Record", bound=msgspec.Struct)


def to_record(kind: type[Record], document: object, *, where: str) -> Record:
    """Convert `document` to a `kind`; raise InvalidDocument, which names `where` and the field."""
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise InvalidDocument(f"{where}: {explain(error)}") from None


def explain(error: msgspec.ValidationError) -> str:
    """Return msgspec's message with the field first: `idle.nudge_s: expected …`."""
    message, _, path = str(error).partition(" - at `")
    field = path.rstrip("`").removeprefix("$").lstrip(".")
    return f"{field}: {message}" if field else message

"""Turns records into documents that every store can keep: the reverse of `ringdown.documents`.

Models and tools may send what can't be stored: text with lone surrogates, integers of any size, NaN
and infinities, values of any size and depth. The record is written regardless.
"""

import datetime
import math
from collections.abc import Iterable, Iterator

import msgspec

from ringdown.calls import Call, CallChanges, ToolCall
from ringdown.errors import InvalidDocument
from ringdown.stores.paths import shown_path, tool_call_path, turn_path
from ringdown.tools import Json

Document = dict[str, Json]

_MAX_BYTES = 65_536
"""The limit for the JSON of one value. A Firestore document can have 1 MiB and 40,000 index
entries."""
_MAX_DEPTH = 16
"""Firestore allows 20 levels, including the document's own."""
_MAX_DOCUMENT_DEPTH = 100
"""A limit, because operators may write anything and documents are processed recursively."""
_MAX_KEY_BYTES = 1_000
_KEPT_BEGINNING = 2_000
_INT64 = range(-(2**63), 2**63)


def to_document(record: msgspec.Struct) -> Document:
    """Convert `record` to a document, as `ringdown.documents` describes it."""
    document: Document = to_plain(record)
    return document


def to_plain(value: object) -> Json:
    """Convert `value` to what a document can hold: lone surrogates become U+FFFD, integers of more
    than 64 bits become text, and NaN and infinities become None."""
    return storable(msgspec.to_builtins(value, builtin_types=(datetime.datetime,)))


def changed_fields(before: Call, after: Call) -> Document:
    """Return the fields of the call's document that differ in `after`, as plain data."""
    return {
        name: to_plain(value)
        for name in after.__struct_fields__
        if (value := getattr(after, name)) != getattr(before, name)
    }


def documents_below(call_sid: str, changes: CallChanges) -> Iterator[tuple[str, Document]]:
    """Yield the documents below the call that `changes` writes, with their paths."""
    for turn in changes.turns:
        yield turn_path(call_sid, turn.n), to_document(turn)
    for tool_call in changes.tool_calls:
        yield tool_call_path(call_sid, tool_call.id), to_document(_bounded(tool_call))


def _bounded(tool_call: ToolCall) -> ToolCall:
    output = tool_call.output
    return msgspec.structs.replace(
        tool_call,
        args=_kept(tool_call.args),
        output=None if output is None else _kept(output),
    )


def _kept(value: Document) -> Document:
    """Return `value`, or a placeholder if a record can't keep it."""
    if not _fits(value):
        return {"not_kept": f"nested more than {_MAX_DEPTH} deep, or a name is too long"}
    text = msgspec.json.encode(to_plain(value))
    if len(text) > _MAX_BYTES:
        return {
            "not_kept": f"{len(text)} bytes of JSON; a record keeps {_MAX_BYTES}",
            "beginning": text[:_KEPT_BEGINNING].decode("utf-8", "ignore"),
        }
    return value


def _fits(value: Json) -> bool:
    """Whether names are short enough and nothing is nested too deep. A list in a list counts twice,
    because Firestore doesn't accept it, so our adapter puts a map between the two."""
    waiting: list[tuple[Json, int]] = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        match item:
            case dict():
                if any(len(name.encode("utf-8", "replace")) > _MAX_KEY_BYTES for name in item):
                    return False
                below = [(child, depth + 1) for child in item.values()]
            case list():
                below = [(child, depth + (2 if isinstance(child, list) else 1)) for child in item]
            case _:
                continue
        if depth > _MAX_DEPTH:
            return False
        waiting.extend(below)
    return True


def too_deep(path: str) -> InvalidDocument:
    return InvalidDocument(f"{shown_path(path)} is nested more than {_MAX_DOCUMENT_DEPTH} deep")


def check_depth(document: Document, path: str) -> None:
    """Raise InvalidDocument if the document is nested too deep."""
    level: list[Json] = [document]
    for _ in range(_MAX_DOCUMENT_DEPTH):
        items = (child for each in level for child in _children(each))
        level = [child for child in items if isinstance(child, dict | list)]
    if level:
        raise too_deep(path)


def _children(value: Json) -> Iterable[Json]:
    return value.values() if isinstance(value, dict) else value


def storable(value: Json) -> Json:
    """Like `to_plain`, for a value that is already plain. Firestore's own types are kept."""
    match value:
        case str():
            return _text(value)
        case bool():
            return value
        case int():
            return value if value in _INT64 else str(value)
        case float():
            return value if math.isfinite(value) else None
        case datetime.date() if not isinstance(value, datetime.datetime):
            return value.isoformat()
        case list() | tuple():
            return [storable(item) for item in value]
        case dict():
            return {_text(name): storable(item) for name, item in value.items()}
        case _:
            return value


def _text(text: str) -> str:
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

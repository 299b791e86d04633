"""Converts plain documents to what Firestore accepts, and back.

Operators read and edit documents in the console, so everything is native: maps, arrays, timestamps,
no JSON in strings. Firestore accepts neither an array directly in an array nor a field name that is
empty or like `__this__`; only these are written differently, marked with a `~`.
"""

import datetime

from ringdown.tools import Json

_MARK = "~"
_INNER_LIST = "~[]"


def encode(value: Json) -> Json:
    """Convert `value` to what Firestore accepts; `decode` restores exactly `value`."""
    match value:
        case dict():
            return {_encode_name(name): encode(item) for name, item in value.items()}
        case list():
            return [
                {_INNER_LIST: encode(item)} if isinstance(item, list) else encode(item)
                for item in value
            ]
        case _:
            return value


def decode(value: Json) -> Json:
    """Convert `value`, as Firestore's client returned it, to a plain value."""
    match value:
        case dict():
            if value.keys() == {_INNER_LIST}:
                return decode(value[_INNER_LIST])
            return {_decode_name(name): decode(item) for name, item in value.items()}
        case list():
            return [decode(item) for item in value]
        case datetime.datetime():  # the client's subclass, which records don't accept
            return datetime.datetime.combine(value.date(), value.timetz())
        case _:
            return value


def _encode_name(name: str) -> str:
    return _MARK + name if _is_marked(name) else name


def _decode_name(name: str) -> str:
    original = name.removeprefix(_MARK)
    return original if name != original and _is_marked(original) else name


def _is_marked(name: str) -> bool:
    return not name or name.startswith(_MARK) or (name.startswith("__") and name.endswith("__"))

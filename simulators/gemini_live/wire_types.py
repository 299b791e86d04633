"""Checks client messages against the fields they may have, as strictly as protobuf does."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, assert_never

from simulators.gemini_live.refusals import invalid


class Scalar(Enum):
    STRING = "TYPE_STRING"
    BOOL = "TYPE_BOOL"
    INT = "TYPE_INT32"
    NUMBER = "TYPE_DOUBLE"
    BYTES = "TYPE_BYTES"
    OBJECT = "TYPE_STRUCT"
    ANY = "TYPE_VALUE"


@dataclass(frozen=True, slots=True)
class Choice:
    """An enum; its first value is always `<PREFIX>_UNSPECIFIED`, which counts as absent."""

    type_name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Message:
    type_name: str


@dataclass(frozen=True, slots=True)
class Repeated:
    of: "Kind"


@dataclass(frozen=True, slots=True)
class MapOf:
    of: "Kind"


Kind = Scalar | Choice | Message | Repeated | MapOf
Fields = Mapping[str, Kind]
Canonical = dict[str, Any]
"""A checked message: keys in snake_case, bytes decoded, no unknown fields."""

_STANDARD_ALPHABET = str.maketrans("-_", "+/")

_SCALAR_CHECKS: Mapping[Scalar, Callable[[object], bool]] = {
    Scalar.STRING: lambda value: isinstance(value, str),
    Scalar.BOOL: lambda value: isinstance(value, bool),
    Scalar.INT: lambda value: isinstance(value, int) and not isinstance(value, bool),
    Scalar.NUMBER: lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    Scalar.BYTES: lambda value: isinstance(value, str),
    Scalar.OBJECT: lambda value: isinstance(value, dict),
    Scalar.ANY: lambda value: True,
}


class WireTypes:
    """Checks JSON against a table of message types; accepts both spellings of every key."""

    def __init__(self, tables: Mapping[str, Fields]) -> None:
        self._tables = {
            name: {spelling: (key, kind) for key, kind in fields.items() for spelling in _both(key)}
            for name, fields in tables.items()
        }

    def check(self, value: object, kind: Kind, path: str) -> Any:
        """Convert `value` to canonical form; raises Refused (1007) naming the first bad field."""
        match kind:
            case Scalar():
                return _check_scalar(value, kind, path)
            case Choice(type_name, values):
                if value not in values:
                    raise _bad_value(path, f"type.googleapis.com/{type_name}", value)
                return None if value == values[0] else value
            case Message(type_name):
                return self.check_message(value, type_name, path)
            case Repeated(of):
                if not isinstance(value, list):
                    raise _bad_value(path, "TYPE_LIST", value)
                return [self.check(item, of, f"{path}[{i}]") for i, item in enumerate(value)]
            case MapOf(of):
                if not isinstance(value, dict):
                    raise _bad_value(path, "TYPE_MAP", value)
                return {key: self.check(item, of, f"{path}.{key}") for key, item in value.items()}
            case _:
                assert_never(kind)

    def check_message(self, value: object, type_name: str, path: str) -> Canonical:
        """Return the fields that are present and not null, by their snake_case names."""
        if not isinstance(value, dict):
            raise _bad_value(path or "message", type_name, value)
        table = self._tables[type_name]
        result: Canonical = {}
        for spelling, item in value.items():
            if spelling not in table:
                where = f" at '{path}'" if path else ""
                raise invalid(
                    f'Invalid JSON payload received. Unknown name "{spelling}"{where}:'
                    " Cannot find field."
                )
            key, kind = table[spelling]
            if item is not None:
                result[key] = self.check(item, kind, f"{path}.{key}" if path else key)
        return result


def _check_scalar(value: object, kind: Scalar, path: str) -> object:
    if not _SCALAR_CHECKS[kind](value):
        raise _bad_value(path, kind.value, value)
    if kind is not Scalar.BYTES or not isinstance(value, str):
        return value
    try:
        # protobuf's JSON accepts both Base64 alphabets; google-genai sends the URL-safe one.
        return base64.b64decode(value.translate(_STANDARD_ALPHABET), validate=True)
    except binascii.Error as error:
        raise invalid(f"Invalid value at '{path}' (TYPE_BYTES), Base64 decoding failed") from error


def _bad_value(path: str, type_name: str, value: object) -> Exception:
    shown = f'"{value}"' if isinstance(value, str) else repr(value)
    return invalid(f"Invalid value at '{path}' ({type_name}), {shown}")


def _both(key: str) -> set[str]:
    return {key, re.sub(r"_([a-z])", lambda match: match[1].upper(), key)}

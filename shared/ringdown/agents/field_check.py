"""Finds everything wrong with a document's fields, and says what belongs there.

msgspec reports only the first problem, in programmers' terms. Operators get all of them, each with
the field's name and what it may contain according to the record's type.
"""

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, get_args, get_origin

import msgspec
from msgspec import inspect

from ringdown.documents import explain
from ringdown.tools import Json
from ringdown.wording import did_you_mean, listed, shown

# A type annotation: `Annotated[str, …]`, `tuple[Example, ...]`, `Idle | None`.
_Kind = Any


# A document may contain a megabyte of nonsense, and is checked while a phone rings.
_MOST_IN_A_LIST = 20
_MOST_LOOKED_AT = 1_000
_MOST_UNKNOWN = 5


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a field.

    `is_unknown` means that no code reads the field, so the rest of the document can still be used.
    """

    path: str
    text: str
    is_unknown: bool = False

    @property
    def field(self) -> str:
        """The top-level field with the problem; empty for the whole document."""
        return re.split(r"[.\[]", self.path, maxsplit=1)[0]

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text


def field_problems(kind: type[msgspec.Struct], document: Json) -> list[Problem]:
    """Return what keeps `document`, as returned by `plain`, from being a valid `kind`."""
    return list(_problems(kind, document, ""))


def plain(document: Json) -> Json:
    """Return `document` as if it came from Firestore's console.

    Dates and names become text (YAML reads `2026-12-25` as a date), 10.0 becomes 10 (the console
    doesn't distinguish them), and top-level fields without a value are dropped.
    """
    if isinstance(document, dict):
        document = {name: value for name, value in document.items() if value is not None}
    return _plain(document)


def _plain(value: Json) -> Json:
    match value:
        case dict():
            return {str(name): _plain(item) for name, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case float() if value.is_integer():
            return int(value)
        case datetime.date() if not isinstance(value, datetime.datetime):
            return value.isoformat()
        case _:
            return value


# Walking the type, down to single values


def _problems(kind: _Kind, value: Json, path: str) -> Iterator[Problem]:
    wanted = _without_none(kind)
    if value is None and wanted is not kind:
        return
    inside = list(_problems_inside(wanted, value, path))
    yield from inside
    if all(problem.is_unknown for problem in inside):
        yield from _own_problem(wanted, value, path)


def _problems_inside(kind: _Kind, value: Json, path: str) -> Iterator[Problem]:
    container = get_args(kind)[0] if _origin(kind) is Annotated else kind
    match value:
        case dict() if _is_struct(container):
            yield from _struct_problems(container, value, path)
        case dict() if _origin(container) is dict:
            yield from islice(_map_problems(container, value, path), _MOST_IN_A_LIST)
        case list() if _origin(container) is tuple:
            yield from islice(_list_problems(container, value, path), _MOST_IN_A_LIST)
        case _:
            pass


def _map_problems(kind: _Kind, value: Mapping[str, Json], path: str) -> Iterator[Problem]:
    name_kind, item_kind = get_args(kind)
    for name, item in islice(value.items(), _MOST_LOOKED_AT):
        yield from _own_problem(name_kind, name, path)
        yield from _problems(item_kind, item, _inside(path, name))


def _list_problems(kind: _Kind, value: Sequence[Json], path: str) -> Iterator[Problem]:
    item_kind = get_args(kind)[0]
    for n, item in enumerate(islice(value, _MOST_LOOKED_AT)):
        yield from _problems(item_kind, item, f"{path}[{n}]")


def _struct_problems(
    kind: type[msgspec.Struct], document: Mapping[str, Json], path: str
) -> Iterator[Problem]:
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for name, field in fields.items():
        where = _inside(path, name)
        if name in document:
            yield from _problems(field.type, document[name], where)
        elif field.required:
            yield Problem(where, f"is missing. It must be {_description(field.type)}.")
    unknown = [name for name in document if name not in fields]
    for name in unknown[:_MOST_UNKNOWN]:
        text = f"unknown field.{did_you_mean(name, fields)}"
        yield Problem(_inside(path, name), text, is_unknown=True)
    if len(unknown) > _MOST_UNKNOWN:
        more = f"{len(unknown) - _MOST_UNKNOWN:,} more unknown fields."
        yield Problem(path, more, is_unknown=True)


def _own_problem(kind: _Kind, value: Json, path: str) -> Iterator[Problem]:
    """Yield what is wrong with `value` itself, assuming that everything inside it is valid."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        if _is_struct(kind) and isinstance(value, dict):  # its fields don't fit together
            yield Problem(path, f"{explain(error)}.")
            return
        advice = _suggestion(kind, value) or _advice(kind, value)
        text = f"must be {_description(kind)}; it {_what_it_is(kind, value)}.{advice}"
        yield Problem(path, text)
    else:
        if isinstance(value, str) and not _is_whole_text(value):
            yield Problem(path, "contains invalid characters. Type it again.")


# Wording


def _description(kind: _Kind) -> str:
    """Say what a field may contain, to follow "must be"."""
    described, node = _type(kind)
    if described:
        return described
    match node:
        case inspect.LiteralType(values=values):
            return listed(values)
        case inspect.StrType(min_length=least, max_length=most):
            return f"text{_bounds(least, most, ' characters')}"
        case inspect.IntType(ge=least, le=most):
            return f"a whole number{_bounds(least, most)}"
        case inspect.FloatType(gt=above, ge=least, le=most):
            return f"a number{_bounds(least, most, above=above)}"
        case inspect.BoolType():
            return "true or false"
        case inspect.VarTupleType(min_length=least, max_length=most):
            return f"a list{_bounds(least, most, ' entries')}"
        case inspect.StructType(fields=fields) if len(fields) <= 5:
            return f"a map of {listed((field.name for field in fields), 'and')}"
        case inspect.DictType(max_length=most) if most is not None:
            return f"a map of at most {most:,g} names"
        case _:
            return "a map of names and values"


def _bounds(
    least: float | None, most: float | None, unit: str = "", *, above: float | None = None
) -> str:
    if above is not None:
        return f" above {above:,g}{_bounds(None, most, unit)}"
    match least, most:
        case None, None:
            return ""
        case None, _:
            return f" of at most {most:,g}{unit}" if unit else f" up to {most:,g}"
        case _, None:
            return f" of at least {least:,g}{unit}"
        case _:
            return f" {'of' if unit else 'from'} {least:,g} to {most:,g}{unit}"


def _what_it_is(kind: _Kind, value: Json) -> str:
    _, node = _type(kind)
    match value:
        case "":
            return "is empty"
        case str() if isinstance(node, inspect.StrType) and len(value) > (node.max_length or 200):
            return f"has {len(value):,}"
        case str() if not isinstance(node, inspect.StrType | inspect.LiteralType):
            return f"is the text {shown(value)}"
        case int() | float() if not isinstance(value, bool) and isinstance(node, inspect.StrType):
            return f"is the number {shown(value)}"
        case list() if isinstance(node, inspect.VarTupleType):
            return f"has {len(value):,}"
        case dict() if isinstance(node, inspect.DictType):
            return f"has {len(value):,}"
        case _:
            return f"is {shown(value)}"


def _suggestion(kind: _Kind, value: Json) -> str:
    if not isinstance(value, str):
        return ""
    match inspect.type_info(kind):
        case inspect.Metadata(extra={"suggest": suggest}):
            meant = suggest(value[:100])
            return f" Did you mean {meant}?" if meant else ""
        case inspect.LiteralType(values=values):
            return did_you_mean(value, [str(choice) for choice in values])
        case _:
            return ""


def _advice(kind: _Kind, value: Json) -> str:
    """Say how to give the value the right type."""
    _, node = _type(kind)
    match node:
        case inspect.StrType() if not isinstance(value, str):
            return " Put it in quotes (in the console: type string)."
        case inspect.IntType() | inspect.FloatType() if isinstance(value, str):
            return " Write it without quotes (in the console: type number)."
        case inspect.BoolType() if isinstance(value, str):
            return " Write it without quotes (in the console: type boolean)."
        case inspect.VarTupleType() if not isinstance(value, list):
            return " In the console, its type is array."
        case inspect.StructType() | inspect.DictType() if not isinstance(value, dict):
            return " In the console, its type is map."
        case _:
            return ""


def _type(kind: _Kind) -> tuple[str, inspect.Type]:
    """Return the type's own description, if it has one, and the type."""
    node = inspect.type_info(_without_none(kind))
    if isinstance(node, inspect.Metadata):
        return (node.extra_json_schema or {}).get("description", ""), node.type
    return "", node


def _without_none(kind: _Kind) -> _Kind:
    """Return `X` for `X | None`."""
    if _origin(kind) is Annotated or type(None) not in get_args(kind):
        return kind
    [wanted] = [choice for choice in get_args(kind) if choice is not type(None)]
    return wanted


def _origin(kind: _Kind) -> _Kind:
    return get_origin(kind)


def _is_struct(kind: _Kind) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _inside(path: str, name: object) -> str:
    return f"{path}.{name}" if path else shown(name).strip('"')


def _is_whole_text(text: str) -> bool:
    """Whether `text` is free of lone surrogates, which stores don't accept."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

"""An agent's fields as the console's form shows them.

The kind of each field follows from its type in the record, and its note comes from `field_notes`. A
new field of the record therefore appears on the form automatically, under "How a call goes".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field as dataclass_field
from typing import Literal

import msgspec
from msgspec import inspect

from ringdown.agents import Agent, Draft, Example
from ringdown.agents.field_notes import FIELD_NOTES
from ringdown.gemini.models import MODELS, VOICES

Kind = Literal["line", "prose", "list", "choice", "number", "flag", "names", "pairs", "examples"]
HOURS, HAS_HOURS = "opening_hours", "has_opening_hours"
LEFT_TO_YAML = {
    "after_call": "its fields are nested",
    "publish": "the page that publishes a draft sets it",
}
"""Fields that the form leaves out, and why."""
_REST = "How a call goes"
_GROUPS = {
    "What it says": ("greeting", "instructions", "notice"),
    "Who hears this draft": ("testers",),
    "Voice and language": (
        *("voice", "volume_db", "language", "languages", "vocabulary"),
        *("model", "thinking", "temperature"),
    ),
    "Tools": (
        *("tools", "before_call", "google_search"),
        *("photos", "keep_photos", "waiting_phrases"),
    ),
    "People": ("fallback_number", "transfer_numbers", "transfer_accept"),
    "Opening hours": ("time_zone", HOURS),
    _REST: (),
    "Examples": ("examples",),
}
"""The form's groups, in order. A field that no group names goes into _REST."""
_CHOICES = {
    "voice": {name: f"{name}: {character}" for name, character in VOICES.items()},
    "model": {name: name for name in MODELS},
    "thinking": {
        "": "the model's default",
        **{level: level for level in ("minimal", "low", "medium", "high")},
    },
    "turn_taking.patience": {
        "quick": "quick",
        "normal": "normal",
        "patient": "patient: for slow speakers",
    },
    "turn_taking.start_sensitivity": {
        "high": "any voice",
        "low": "a clear voice: for noisy lines",
    },
    f"{HOURS}.outside": {
        "message": "a message, then hang up",
        "fallback_number": "a message, then the fallback number",
        "answer": "the agent, as usual",
    },
}
"""Labels of choices, in the form's order. Choices that aren't listed follow, under their names."""
_CATALOGUES = ("voice", "model", "tools")
"""Fields that need no note, because their choices explain them."""
_LONGEST_LINE = 200


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form. `path` is dotted, such as `idle.nudge_after_s`."""

    path: str
    label: str
    kind: Kind
    note: str = ""
    choices: Mapping[str, str] = dataclass_field(default_factory=dict)
    """Labels by value."""


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    fields: tuple[Field, ...]


def form_groups(kind: type[Agent]) -> tuple[Group, ...]:
    """Group the fields of `Agent` or `Draft`, except those left to YAML."""
    fields = {
        field.name: tuple(_fields_of(field.name, inspect.type_info(field.type)))
        for field in msgspec.structs.fields(kind)
        if field.name not in LEFT_TO_YAML
    }
    named = {name for names in _GROUPS.values() for name in names}
    rest = tuple(name for name in fields if name not in named)
    groups = (
        Group(title, tuple(each for n in names or rest for each in fields.get(n, ())))
        for title, names in _GROUPS.items()
    )
    return tuple(group for group in groups if group.fields)


def _fields_of(path: str, node: inspect.Type) -> Iterator[Field]:
    """Yield the form's fields for one field of the record: several, if it holds another record."""
    inner = _inner(node)
    if not isinstance(inner, inspect.StructType):
        kind = _kind(path, inner)
        yield _field(path, path, kind, _choices(path, node) if kind == "choice" else {})
        return
    if path == HOURS:
        yield _field(HAS_HOURS, path, "flag")
    for field in inner.fields:
        yield from _fields_of(f"{path}.{field.name}", field.type)


def _field(path: str, noted: str, kind: Kind, choices: Mapping[str, str] | None = None) -> Field:
    note = FIELD_NOTES.get(noted)
    label = (note and note.label) or path.rpartition(".")[2].replace("_", " ").capitalize()
    text = "" if note is None or path in _CATALOGUES else note.text
    return Field(path, label, kind, text, choices or {})


def _kind(path: str, node: inspect.Type) -> Kind:
    """Return the kind of a field; raise TypeError for a type that the form can't show."""
    if path == "tools":
        return "names"
    if path in _CHOICES:
        return "choice"
    match node:
        case inspect.BoolType():
            return "flag"
        case inspect.IntType() | inspect.FloatType():
            return "number"
        case inspect.LiteralType():
            return "choice"
        case inspect.StrType(max_length=most):
            return "prose" if most is not None and most > _LONGEST_LINE else "line"
        case inspect.DictType(value_type=value) if isinstance(_inner(value), inspect.StrType):
            return "pairs"
        case inspect.VarTupleType(item_type=item) if isinstance(_inner(item), inspect.StrType):
            return "list"
        case inspect.VarTupleType(item_type=inspect.StructType(cls=cls)) if cls is Example:
            return "examples"
        case _:
            raise TypeError(
                f"The form can't show {path}. Give it a kind in _kind, or add it to LEFT_TO_YAML."
            )


def _choices(path: str, node: inspect.Type) -> Mapping[str, str]:
    inner, choices = _inner(node), dict(_CHOICES.get(path, {}))
    if isinstance(inner, inspect.LiteralType):
        values = [*([""] if inner is not node else []), *map(str, inner.values)]
        choices |= {value: value or "not set" for value in values if value not in choices}
    return choices


def _inner(node: inspect.Type) -> inspect.Type:
    """Return the type without its limits and without None."""
    match node:
        case inspect.Metadata(type=inner):
            return _inner(inner)
        case inspect.UnionType(types=types):
            return _inner(next(each for each in types if not isinstance(each, inspect.NoneType)))
        case _:
            return node


AGENT_FORM, DRAFT_FORM = form_groups(Agent), form_groups(Draft)

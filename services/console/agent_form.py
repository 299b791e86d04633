"""Pure functions that convert an agent's document to a form and back.

Anything the form doesn't show, such as an unknown field, stays in the document unchanged; a field
left at its default isn't written.
"""

import re
from collections.abc import Collection, Iterator

import msgspec

from console.forms import Form
from ringdown.agents import Agent, Draft
from ringdown.agents.documents import Document
from ringdown.agents.form_fields import AGENT_FORM, DRAFT_FORM, HAS_HOURS, HOURS, Field, Group
from ringdown.tools import ASK_FOR_PHOTO, Json

_BLANK_ROWS = 2
_NOTHING = '""'
"""Stands for a text that is deliberately empty; an empty field means the default."""
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,6})?")
_PLACE = re.compile(r"\[([0-9]+)\]")


def groups(*, draft: bool) -> tuple[Group, ...]:
    return DRAFT_FORM if draft else AGENT_FORM


def shown(field: Field, document: Document, *, draft: bool = False) -> Json:
    """Return what the form shows: the document's value, or else the default."""
    if field.path == HAS_HOURS:
        return isinstance(document.get(HOURS), dict)
    value = _at(document, field.path)
    if value is None:
        value = _at(_defaults(draft), field.path)
    match field.kind:
        case "list":
            return "\n".join(map(str, value)) if isinstance(value, list) else _text(value)
        case "names":
            return sorted({str(name) for name in value}) if isinstance(value, list) else []
        case "pairs":
            named = value.items() if isinstance(value, dict) else ()
            pairs = [(str(name), _text(number)) for name, number in named]
            return [*pairs, *[("", "")] * _BLANK_ROWS]
        case "examples":
            rows = [_example(row) for row in value] if isinstance(value, list) else []
            return [*rows, *[("", "")] * _BLANK_ROWS]
        case "flag":
            return value is True
        case "prose" if value == "":
            return _NOTHING
        case _:
            return _text(value)


def applied(base: Document, form: Form, *, draft: bool = False) -> Document:
    """Return `base` with the edits that were made in the form."""
    document: Document = msgspec.json.decode(msgspec.json.encode(base))
    had_hours = isinstance(base.get(HOURS), dict)
    if had_hours and HAS_HOURS not in form:
        del document[HOURS]
    elif HAS_HOURS in form and not had_hours:
        document[HOURS] = {}
    for group in groups(draft=draft):
        for field in group.fields:
            if field.path != HAS_HOURS and (HAS_HOURS in form or not _of_hours(field)):
                _put(document, base, field, _given(field, form), draft=draft)
    return document


def offered_tools(document: Document, declared: Collection[str]) -> list[str]:
    """Return the declared tools, and any that the document names even if they don't exist.

    The tool that asks for photos is left out: it has a separate field.
    """
    named = document.get("tools")
    offered = {*declared} - {ASK_FOR_PHOTO}
    return sorted(offered | {*map(str, named if isinstance(named, list) else ())})


def field_of(problem: str, *, draft: bool) -> str | None:
    """Return the path of the field that a problem is about, as in `opening_hours.monday: …`."""
    path = _PLACE.sub("", problem.partition(":")[0])
    paths = [field.path for group in groups(draft=draft) for field in group.fields]
    matching = [each for each in paths if path == each or path.startswith(f"{each}.")]
    return max(matching, key=len, default=None)


def _given(field: Field, form: Form) -> Json:
    """Return the value that was entered in a field; None if it was left empty."""
    text = form.raw(field.path)
    match field.kind:
        case "flag":
            return field.path in form
        case "number":
            return _number(text.strip())
        case "list":
            return [line.strip() for line in text.splitlines() if line.strip()] or None
        case "names":
            return [name for name in form.all(field.path) if name] or None
        case "pairs":
            return dict(_rows(field, form, "name", "value")) or None
        case "examples":
            rows = _rows(field, form, "caller", "contains")
            return [_to_example(caller, contains) for caller, contains in rows] or None
        case "prose":
            return "" if text.strip() == _NOTHING else text if text.strip() else None
        case _:
            return text.strip() or None


def _put(document: Document, base: Document, field: Field, value: Json, *, draft: bool) -> None:
    """Put a value into the document. A default is put there only if there was a value before."""
    before = _at(base, field.path)
    if value == _untouched(field, before, draft=draft):
        return
    if value is None or (before is None and value == _at(_defaults(draft), field.path)):
        _remove(document, field.path)
    else:
        *above, name = field.path.split(".")
        inside = document
        for step in above:
            nested = inside.setdefault(step, {})
            if not isinstance(nested, dict):
                nested = inside[step] = {}
            inside = nested
        inside[name] = value


def _untouched(field: Field, value: Json, *, draft: bool) -> Json:
    """Return what the form sends back for `value` if the field isn't edited."""
    document: Document = {}
    *above, name = field.path.split(".")
    inside = document
    for step in above:
        inside = inside.setdefault(step, {})
    inside[name] = value
    return _given(field, Form(list(_sent(field, shown(field, document, draft=draft)))))


def _sent(field: Field, value: Json) -> Iterator[tuple[str, str]]:
    match field.kind:
        case "flag":
            yield from [(field.path, "yes")] if value else []
        case "names":
            yield from ((field.path, name) for name in value)
        case "pairs" | "examples":
            first, second = ("name", "value") if field.kind == "pairs" else ("caller", "contains")
            for left, right in value:
                yield f"{field.path}.{first}", left
                yield f"{field.path}.{second}", right
        case _:
            yield field.path, value


def _remove(document: Document, path: str) -> None:
    *above, name = path.split(".")
    inside: Json = document
    for step in above:
        inside = inside.get(step) if isinstance(inside, dict) else None
    if isinstance(inside, dict):
        inside.pop(name, None)
        if not inside and above and above[0] != HOURS:
            document.pop(above[0], None)


def _rows(field: Field, form: Form, first: str, second: str) -> Iterator[tuple[str, str]]:
    lefts, rights = form.all(f"{field.path}.{first}"), form.all(f"{field.path}.{second}")
    for left, right in zip(lefts, rights, strict=False):
        if left.strip() or right.strip():
            yield left.strip(), right.strip()


def _example(row: Json) -> tuple[str, str]:
    if not isinstance(row, dict):
        return _text(row), ""
    contains = row.get("answer_contains")
    lines = contains if isinstance(contains, list) else [contains]
    return _text(row.get("caller")), "\n".join(map(_text, lines))


def _to_example(caller: str, contains: str) -> dict[str, Json]:
    lines = [line.strip() for line in contains.splitlines() if line.strip()]
    return {"caller": caller, "answer_contains": lines}


def _number(text: str) -> Json:
    """Convert a number. Anything else stays text, so that the check can report it."""
    if not _NUMBER.fullmatch(text):
        return text or None
    return float(text) if "." in text else int(text)


def _at(document: Json, path: str) -> Json:
    for step in path.split("."):
        document = document.get(step) if isinstance(document, dict) else None
    return document


def _defaults(draft: bool) -> Document:
    kind = Draft if draft else Agent
    blank = kind(instructions="-", greeting="-")
    plain = msgspec.json.decode(msgspec.json.encode(blank), type=Document)
    nested = {HOURS: {"outside": "message"}}
    return {**plain, "instructions": None, "greeting": None, **nested}


def _of_hours(field: Field) -> bool:
    return field.path.startswith(f"{HOURS}.")


def _text(value: Json) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)

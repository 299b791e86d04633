"""Compares two versions of a document, and merges simultaneous edits. Pure."""

import difflib
from typing import TypeGuard

import msgspec

from ringdown.agents.documents import Document, plain_text
from ringdown.tools import Json
from ringdown.wording import listed, shown


def difference(before: Document, after: Document) -> list[str]:
    """Return a unified diff; empty if nothing differs."""
    old, new = plain_text(before).splitlines(), plain_text(after).splitlines()
    return list(difflib.unified_diff(old, new, lineterm=""))[2:]  # without the file names


def changed_fields(before: Document, after: Document) -> list[str]:
    """Return the names of the fields that differ, in the documents' order."""
    names = dict.fromkeys((*before, *after))
    return [name for name in names if _json(before, name) != _json(after, name)]


def in_a_line(before: Document, after: Document) -> str:
    """Summarize the changes: `voice: "Kore" → "Puck"; instructions: +2 −1 lines`."""
    return "; ".join(_change(name, before, after) for name in changed_fields(before, after))


def merged(base: Document, mine: Document, theirs: Document) -> Document:
    """Return my version plus what only they changed. If both changed a field, mine wins."""
    result = dict(mine)
    my_fields = set(changed_fields(base, mine))
    for name in changed_fields(base, theirs):
        if name in my_fields:
            continue
        if name in theirs:
            result[name] = theirs[name]
        else:
            result.pop(name, None)
    return result


def contested(base: Document, mine: Document, theirs: Document) -> list[str]:
    """Return the fields that both changed, in different ways."""
    ours = {*changed_fields(base, mine)} & {*changed_fields(base, theirs)}
    return [name for name in changed_fields(mine, theirs) if name in ours]


def _change(name: str, before: Document, after: Document) -> str:
    old, new = before.get(name), after.get(name)
    if _is_short(old) and _is_short(new):
        return f"{name}: {_value(name, before)} → {_value(name, after)}"
    if _is_list(old) and _is_list(new):
        return f"{name}: {_items_changed(old or [], new or [])}"
    if isinstance(old, dict) and isinstance(new, dict):
        return f"{name}: {listed(changed_fields(old, new), 'and')}"
    if isinstance(old, str) and isinstance(new, str):
        return f"{name}: {_lines_changed(old, new)}"
    return name


def _is_short(value: Json) -> bool:
    return not isinstance(value, list | dict) and (
        not isinstance(value, str) or ("\n" not in value and len(value) <= 40)
    )


def _value(name: str, document: Document) -> str:
    return shown(document[name]) if name in document else "not set"


def _is_list(value: Json) -> TypeGuard[list[Json] | None]:
    """Whether `value` is a list, or unset, which counts as empty."""
    return value is None or isinstance(value, list)


def _items_changed(old: list[Json], new: list[Json]) -> str:
    """Summarize added and removed items (`+check_stock −check_bread`), or count them if long."""
    signed = (
        *(("+", item) for item in new if item not in old),
        *(("−", item) for item in old if item not in new),
    )
    items = list(signed)
    if not items:
        return "reordered"
    if all(isinstance(item, str) and _is_short(item) for _, item in items):
        return " ".join(f"{sign}{item}" for sign, item in items)
    signs = [sign for sign, _ in items]
    return f"+{signs.count('+')} −{signs.count('−')}"


def _lines_changed(old: str, new: str) -> str:
    changes = [line[0] for line in difflib.ndiff(old.splitlines(), new.splitlines())]
    return f"+{changes.count('+')} −{changes.count('-')} lines"


def _json(document: Document, name: str) -> bytes | None:
    """Encode a field for comparison, because `1 == True` in Python."""
    return msgspec.json.encode(document[name], order="sorted") if name in document else None

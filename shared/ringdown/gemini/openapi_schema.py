"""A tool's JSON Schema in the subset of OpenAPI that Gemini's function declarations accept.

Every Live model reads `parameters`. Models before 3.x ignore `parametersJsonSchema`, and call the
function without arguments (https://github.com/googleapis/python-genai/issues/1147). A keyword
outside the subset closes the session with 1007, so what the subset can't express is expressed
differently or left out. `simplifications` lists the differences for operators, and `restored`
converts arguments back. Tools stay just as safe, because arguments are still checked against the
tool's JSON Schema (`ringdown.tools.arguments`).
"""

import json
from collections.abc import Callable, Iterable, Mapping

import msgspec

from ringdown.gemini.json_schema import (
    DEEPEST,
    Place,
    Schema,
    has_kind,
    is_map,
    kind_of,
    list_of,
    resolved,
    takes_null,
    value_schema,
    values_of,
)
from ringdown.tools import Json

_FORMATS: Mapping[str, tuple[str, ...]] = {
    "string": ("date-time",),
    "number": ("float", "double"),
    "integer": ("int32", "int64"),
}
_MOST_PLACES = 5


def openapi_parameters(parameters: Schema) -> Schema | None:
    """Return the `parameters` of a function declaration; None for a function without arguments."""
    schema = _converted(parameters, Place(parameters))
    return schema if "properties" in schema else None


def simplifications(parameters: Schema) -> tuple[str, ...]:
    """Return what is declared differently or left out: "size as text", "number without pattern"."""
    place = Place(parameters)
    _converted(parameters, place)
    return tuple(
        f"{_some(dict.fromkeys(path or 'all of them' for path in paths))} {what}"
        for what, paths in place.notes.items()
    )


def restored(args: dict[str, Json], parameters: Schema) -> dict[str, Json]:
    """Convert `args`, which follow `openapi_parameters`, to the shape of `parameters`."""
    found = _restored(args, parameters, Place(parameters))
    return found if isinstance(found, dict) else args


# To OpenAPI


def _converted(schema: Json, place: Place) -> Schema:
    if not isinstance(schema, dict) or place.depth > DEEPEST:
        place.note("as text")
        return {"type": "string"}
    schema, place = resolved(schema, place)
    kind = kind_of(schema)
    declared: Schema = {"type": kind}
    for key, (kinds, is_valid) in _KEPT.items():
        if (not kinds or kind in kinds) and is_valid(schema.get(key)):
            declared[key] = schema[key]
    if schema.get("format") in _FORMATS.get(kind, ()):
        declared["format"] = schema["format"]
    if kind in ("number", "integer"):
        declared |= _bounds(schema, kind)
    declared = _with_values(declared, schema, place)
    if declared["type"] == "array":
        declared["items"] = _converted(
            schema.get("items", {"type": "string"}), place.below("items")
        )
    elif declared["type"] == "object" and is_map(schema, place):
        place.note("as a list of names and values")
        declared |= {"type": "array", "items": _pair(value_schema(schema), place)}
    elif declared["type"] == "object":
        declared |= _with_properties(schema, place)
    _note_the_rest(schema, declared, place)
    return declared


def _with_properties(schema: Schema, place: Place) -> Schema:
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not properties:
        return {}
    declared: Schema = {
        "properties": {
            name: _converted(child, place.below(name)) for name, child in properties.items()
        }
    }
    needed = [name for name in properties if name in list_of(schema, "required")]
    return declared | ({"required": needed} if needed else {})


def _pair(value: Json, place: Place) -> Schema:
    """Declare one entry of a map, because names that aren't known beforehand can't be declared."""
    properties = {"name": {"type": "string"}, "value": _converted(value, place.below("value"))}
    return {"type": "object", "properties": properties, "required": ["name", "value"]}


def _with_values(declared: Schema, schema: Schema, place: Place) -> Schema:
    """Add the values to choose from. `enum` accepts only non-empty strings."""
    values = [value for value in values_of(schema) if value is not None]
    if None in values_of(schema):
        declared = declared | {"nullable": True}
    if not values:
        return declared
    texts = list(dict.fromkeys(map(_as_text, values)))
    if not all(texts):
        choice = f"One of: {', '.join(json.dumps(value) for value in values)}."
        return declared | {"description": f"{declared.get('description', '')} {choice}".lstrip()}
    if not all(isinstance(value, str) for value in values):
        place.note("as text")
    kept: Schema = {key: declared[key] for key in ("description", "nullable") if key in declared}
    return {"type": "string", **kept, "enum": texts}


def _bounds(schema: Schema, kind: str) -> Schema:
    """Return the closest equivalent of `exclusiveMinimum` and `exclusiveMaximum`."""
    step = 1 if kind == "integer" else 0
    bounds: Schema = {}
    if _is_number(schema.get("exclusiveMinimum")) and not _is_number(schema.get("minimum")):
        bounds["minimum"] = schema["exclusiveMinimum"] + step
    if _is_number(schema.get("exclusiveMaximum")) and not _is_number(schema.get("maximum")):
        bounds["maximum"] = schema["exclusiveMaximum"] - step
    return bounds


def _note_the_rest(schema: Schema, declared: Schema, place: Place) -> None:
    if not has_kind(schema):
        place.note("as text")
    for key in schema:
        if key not in _DECLARED | _SILENT | declared.keys() | _of_a_map(schema, declared):
            place.note(f"without {key}")


def _of_a_map(schema: Schema, declared: Schema) -> frozenset[str]:
    """Return the keywords that the list replacing a map expresses, or that mean nothing there."""
    if kind_of(schema) == "object" and declared["type"] == "array":
        return frozenset({"additionalProperties", "patternProperties"})
    closed = isinstance(schema.get("additionalProperties"), bool)
    return frozenset({"additionalProperties"} if closed else {})


# From OpenAPI


def _restored(value: Json, schema: Json, place: Place) -> Json:
    if not isinstance(schema, dict):
        return value
    schema, place = resolved(schema, place)
    kind = kind_of(schema)
    if isinstance(value, str):
        values = {_as_text(one): one for one in values_of(schema) if not isinstance(one, str)}
        if value in values and value not in values_of(schema):
            return values[value]
        if kind in ("object", "array") or "$ref" in schema:
            value = _from_json(value)
    match value:
        case float() if kind == "integer" and value.is_integer():
            return int(value)
        case list() if kind == "array":
            items = schema.get("items")
            return [_restored(item, items, place.below("items")) for item in value]
        case list() if kind == "object" and is_map(schema, place) and all(map(_is_pair, value)):
            child = value_schema(schema)
            return {
                pair["name"]: _restored(pair["value"], child, place.below("value"))
                for pair in value
            }
        case dict() if kind == "object":
            return {
                name: _restored(item, _property(schema, name), place.below(name))
                for name, item in value.items()
                if item is not None or not _means_nothing(schema, name, place)
            }
        case _:
            return value


def _means_nothing(schema: Schema, name: str, place: Place) -> bool:
    """Whether null means that the argument is omitted, as models sometimes write it."""
    optional = name not in list_of(schema, "required")
    return optional and not takes_null(_property(schema, name), place.root)


def _property(schema: Schema, name: str) -> Json:
    properties = schema.get("properties")
    known = properties.get(name) if isinstance(properties, dict) else None
    return value_schema(schema) if known is None else known


def _is_pair(value: Json) -> bool:
    return isinstance(value, dict) and isinstance(value.get("name"), str) and "value" in value


def _from_json(text: str) -> Json:
    """Return the object or list in `text`; `text` itself if it's neither."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
    return found if isinstance(found, dict | list) else text


# In words


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _some(paths: Iterable[str]) -> str:
    names = list(paths)
    more = len(names) - _MOST_PLACES
    return ", ".join(names[:_MOST_PLACES]) + (f" and {more} more" if more > 0 else "")


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


_KEPT: Mapping[str, tuple[tuple[str, ...], Callable[[Json], bool]]] = {
    "description": ((), lambda value: isinstance(value, str) and bool(value)),
    "nullable": ((), lambda value: value is True),
    "minimum": (("number", "integer"), _is_number),
    "maximum": (("number", "integer"), _is_number),
    "minItems": (("array",), _is_count),
    "maxItems": (("array",), _is_count),
}
"""Keywords that mean the same in both, with the types they belong to (none: all types) and a check
of their values."""
_DECLARED = frozenset(
    {*_KEPT, "type", "enum", "const", "items", "properties", "required", "$ref"}
    | {"exclusiveMinimum", "exclusiveMaximum"}
)
"""Keywords that are always declared in one form or another."""
_SILENT = frozenset({"$schema", "$id", "$comment", "$defs", "definitions", "title"})
"""Keywords that don't restrict the values."""

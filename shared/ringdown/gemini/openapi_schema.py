"""A tool's JSON Schema in the subset of OpenAPI that Gemini's function declarations take.

Every Live model reads `parameters`. Models before 3.x ignore `parametersJsonSchema`, and call the
function without arguments (https://github.com/googleapis/python-genai/issues/1147). A keyword
outside the subset closes the session with 1007, so what the subset cannot say is said otherwise or
left out. `simplifications` tells operators what, and `restored` changes arguments back. A tool is
no less safe for it: arguments are checked against its JSON Schema (`ringdown.tools.arguments`).
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from ringdown.tools import Json

Schema = dict[str, Json]

_TYPES = ("string", "number", "integer", "boolean", "array", "object")
_FORMATS: Mapping[str, tuple[str, ...]] = {
    "string": ("date-time",),
    "number": ("float", "double"),
    "integer": ("int32", "int64"),
}
_DEEPEST = 20
"""As `ringdown.tools.check` allows; what is nested more deeply is sent as a string."""
_MOST_PLACES = 5


def openapi_parameters(parameters: Schema) -> Schema | None:
    """The `parameters` of a function declaration; None for a function without arguments."""
    schema = _converted(parameters, _Place(parameters))
    return schema if "properties" in schema else None


def simplifications(parameters: Schema) -> tuple[str, ...]:
    """What models are told otherwise, or not at all: "size as text", "number without pattern"."""
    place = _Place(parameters)
    _converted(parameters, place)
    return tuple(
        f"{_some(dict.fromkeys(path or 'all of them' for path in paths))} {what}"
        for what, paths in place.notes.items()
    )


def restored(args: dict[str, Json], parameters: Schema) -> dict[str, Json]:
    """`args`, chosen by what `openapi_parameters` says, in the shape that `parameters` has."""
    found = _restored(args, parameters, _Place(parameters))
    return found if isinstance(found, dict) else args


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a schema something is."""

    root: Schema
    """References start from it."""
    notes: dict[str, list[str]] = field(default_factory=dict)
    """What is told otherwise, and the paths of it."""
    inside: tuple[str, ...] = ()
    """References that were followed on the way."""
    path: str = ""
    depth: int = 0

    def below(self, name: str) -> "_Place":
        path = f"{self.path}.{name}" if self.path else name
        return replace(self, path=path, depth=self.depth + 1)

    def note(self, what: str) -> None:
        self.notes.setdefault(what, []).append(self.path)


# There


def _converted(schema: Json, place: _Place) -> Schema:
    if not isinstance(schema, dict) or place.depth > _DEEPEST:
        place.note("as text")
        return {"type": "string"}
    schema, place = _resolved(schema, place)
    kind = _kind(schema)
    told: Schema = {"type": kind}
    for key, (kinds, is_valid) in _KEPT.items():
        if (not kinds or kind in kinds) and is_valid(schema.get(key)):
            told[key] = schema[key]
    if schema.get("format") in _FORMATS.get(kind, ()):
        told["format"] = schema["format"]
    if kind in ("number", "integer"):
        told |= _bounds(schema, kind)
    told = _with_values(told, schema, place)
    if told["type"] == "array":
        told["items"] = _converted(schema.get("items", {"type": "string"}), place.below("items"))
    elif told["type"] == "object" and _is_map(schema, place):
        place.note("as a list of names and values")
        told |= {"type": "array", "items": _pair(_value_schema(schema), place)}
    elif told["type"] == "object":
        told |= _with_properties(schema, place)
    _note_the_rest(schema, told, place)
    return told


def _with_properties(schema: Schema, place: _Place) -> Schema:
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not properties:
        return {}
    told: Schema = {
        "properties": {
            name: _converted(child, place.below(name)) for name, child in properties.items()
        }
    }
    needed = [name for name in properties if name in _list(schema, "required")]
    return told | ({"required": needed} if needed else {})


def _pair(value: Json, place: _Place) -> Schema:
    """One entry of a map: names that aren't known beforehand can't be declared."""
    properties = {"name": {"type": "string"}, "value": _converted(value, place.below("value"))}
    return {"type": "object", "properties": properties, "required": ["name", "value"]}


def _with_values(told: Schema, schema: Schema, place: _Place) -> Schema:
    """With the values to choose from. `enum` takes texts only, and none that is empty."""
    values = [value for value in _values(schema) if value is not None]
    if None in _values(schema):
        told = told | {"nullable": True}
    if not values:
        return told
    texts = list(dict.fromkeys(map(_as_text, values)))
    if not all(texts):
        choice = f"One of: {', '.join(json.dumps(value) for value in values)}."
        return told | {"description": f"{told.get('description', '')} {choice}".lstrip()}
    if not all(isinstance(value, str) for value in values):
        place.note("as text")
    kept: Schema = {key: told[key] for key in ("description", "nullable") if key in told}
    return {"type": "string", **kept, "enum": texts}


def _bounds(schema: Schema, kind: str) -> Schema:
    """The nearest that can be said of `exclusiveMinimum` and `exclusiveMaximum`."""
    step = 1 if kind == "integer" else 0
    bounds: Schema = {}
    if _is_number(schema.get("exclusiveMinimum")) and not _is_number(schema.get("minimum")):
        bounds["minimum"] = schema["exclusiveMinimum"] + step
    if _is_number(schema.get("exclusiveMaximum")) and not _is_number(schema.get("maximum")):
        bounds["maximum"] = schema["exclusiveMaximum"] - step
    return bounds


def _note_the_rest(schema: Schema, told: Schema, place: _Place) -> None:
    if not _is_told(schema):
        place.note("as text")
    for key in schema:
        if key not in _TOLD | _SILENT | told.keys() | _of_a_map(schema, told):
            place.note(f"without {key}")


def _of_a_map(schema: Schema, told: Schema) -> frozenset[str]:
    """Keywords that are told by the list that stands for a map, or say nothing."""
    if _kind(schema) == "object" and told["type"] == "array":
        return frozenset({"additionalProperties", "patternProperties"})
    closed = isinstance(schema.get("additionalProperties"), bool)
    return frozenset({"additionalProperties"} if closed else {})


# And back


def _restored(value: Json, schema: Json, place: _Place) -> Json:
    if not isinstance(schema, dict):
        return value
    schema, place = _resolved(schema, place)
    kind = _kind(schema)
    if isinstance(value, str):
        values = {_as_text(one): one for one in _values(schema) if not isinstance(one, str)}
        if value in values and value not in _values(schema):
            return values[value]
        if kind in ("object", "array") or "$ref" in schema:
            value = _from_json(value)
    match value:
        case float() if kind == "integer" and value.is_integer():
            return int(value)
        case list() if kind == "array":
            items = schema.get("items")
            return [_restored(item, items, place.below("items")) for item in value]
        case list() if kind == "object" and _is_map(schema, place) and all(map(_is_pair, value)):
            child = _value_schema(schema)
            return {
                pair["name"]: _restored(pair["value"], child, place.below("value"))
                for pair in value
            }
        case dict() if kind == "object":
            return {
                name: _restored(item, _property(schema, name), place.below(name))
                for name, item in value.items()
            }
        case _:
            return value


def _property(schema: Schema, name: str) -> Json:
    properties = schema.get("properties")
    known = properties.get(name) if isinstance(properties, dict) else None
    return _value_schema(schema) if known is None else known


def _is_pair(value: Json) -> bool:
    return isinstance(value, dict) and isinstance(value.get("name"), str) and "value" in value


def _from_json(text: str) -> Json:
    """The object or list that `text` is; `text` if it's neither."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
    return found if isinstance(found, dict | list) else text


# One schema instead of references and alternatives


def _resolved(schema: Schema, place: _Place) -> tuple[Schema, _Place]:
    """`schema` with what it refers to, what else must fit, and one of its alternatives.

    A reference to what it is inside of leads nowhere: such a schema has no end.
    """
    for _ in range(_DEEPEST):
        parts = [*_list(schema, "allOf"), *_alternative(schema, place)]
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in place.inside:
            parts.append(_target(reference, place.root))
            place = replace(place, inside=(*place.inside, reference))
        if not parts:
            break
        schema = {key: schema[key] for key in schema.keys() - {"$ref", "allOf", "anyOf", "oneOf"}}
        if isinstance(schema.get("type"), list):
            del schema["type"]
        for part in parts:
            if isinstance(part, dict):
                schema = _merged(part, schema)
    return schema, place


def _alternative(schema: Schema, place: _Place) -> list[Json]:
    """The first of several types or schemas, and whether it may be null; nothing without a choice.

    The service takes `anyOf` beside nothing else, and older models do not understand it.
    """
    kinds = schema.get("type")
    if isinstance(kinds, list):
        options: list[Json] = [{"type": kind} for kind in kinds]
    else:
        options = [] if kinds else _list(schema, "anyOf") or _list(schema, "oneOf")
    fitting = [one for one in options if isinstance(one, dict) and one.get("type") != "null"]
    nullable: list[Json] = [{"nullable": True}] if len(fitting) < len(options) else []
    if fitting and all(_values(one) for one in fitting):
        return [{"enum": [value for one in fitting for value in _values(one)]}, *nullable]
    if len(fitting) > 1 and not _values(schema):
        place.note("as the first of its types only")
    return [*fitting[:1], *nullable]


def _target(reference: str, root: Schema) -> Json:
    """Where `#/$defs/name` leads; None for a reference to elsewhere."""
    found: Json = root
    for step in reference.removeprefix("#/").split("/"):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _merged(part: Schema, schema: Schema) -> Schema:
    """Both together; `schema` counts where they differ."""
    merged = part | schema
    if isinstance(part.get("properties"), dict) and isinstance(schema.get("properties"), dict):
        merged["properties"] = schema["properties"] | part["properties"] | schema["properties"]
    required = [*_list(part, "required"), *_list(schema, "required")]
    return merged | {"required": required} if required else merged


# What a schema says


def _kind(schema: Schema) -> str:
    """The type, or the one that the other keywords belong to."""
    kind = schema.get("type")
    if kind in _TYPES:
        return str(kind)
    if _NAMED & schema.keys():
        return "object"
    if "items" in schema:
        return "array"
    return "number" if _NUMERIC & schema.keys() else "string"


def _is_told(schema: Schema) -> bool:
    """Whether `_kind` is more than a guess."""
    has_type = schema.get("type") in _TYPES
    return has_type or bool(_values(schema) or (_NAMED | _NUMERIC | {"items"}) & schema.keys())


def _is_map(schema: Schema, place: _Place) -> bool:
    """Whether it has names that aren't known beforehand. The arguments as a whole are no map."""
    return place.depth > 0 and not schema.get("properties")


def _value_schema(schema: Schema) -> Json:
    """What the values of a map are: texts, if it doesn't say."""
    patterns = schema.get("patternProperties")
    children = [schema.get("additionalProperties")]
    children += patterns.values() if isinstance(patterns, dict) else []
    return next((one for one in children if isinstance(one, dict)), {"type": "string"})


def _values(schema: Schema) -> list[Json]:
    return [schema["const"]] if "const" in schema else _list(schema, "enum")


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _some(paths: Iterable[str]) -> str:
    names = list(paths)
    more = len(names) - _MOST_PLACES
    return ", ".join(names[:_MOST_PLACES]) + (f" and {more} more" if more > 0 else "")


def _list(schema: Schema, key: str) -> list[Json]:
    value = schema.get(key)
    return value if isinstance(value, list) else []


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
"""Keywords that mean the same in both, the types they belong to (none: all), and valid values."""
_NAMED = frozenset({"properties", "additionalProperties", "patternProperties"})
_NUMERIC = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_TOLD = frozenset(
    {*_KEPT, "type", "enum", "const", "items", "properties", "required", "$ref"}
    | {"exclusiveMinimum", "exclusiveMaximum"}
)
"""What is told whenever it says something."""
_SILENT = frozenset({"$schema", "$id", "$comment", "$defs", "definitions", "title"})
"""What says nothing about the values."""

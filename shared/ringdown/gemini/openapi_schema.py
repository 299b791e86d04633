"""A tool's JSON Schema in the subset of OpenAPI that Gemini's function declarations take.

Every Live model reads `parameters`. Models before 3.x ignore `parametersJsonSchema`, and call the
function without arguments (https://github.com/googleapis/python-genai/issues/1147). A keyword
outside the subset closes the session with 1007, so what the subset cannot say is left out here. The
tool is no less safe: arguments are checked against its JSON Schema (`ringdown.tools.arguments`).
"""

import json
from collections.abc import Callable, Mapping

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


def openapi_parameters(parameters: Schema) -> Schema | None:
    """The `parameters` of a function declaration; None for a function without arguments."""
    schema = _converted(parameters, parameters, (), 0)
    return schema if "properties" in schema else None


def _converted(schema: Json, root: Schema, inside: tuple[str, ...], depth: int) -> Schema:
    """References start from `root`. `inside` are those followed on the way to `schema`."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return {"type": "STRING"}
    schema, inside = _resolved(schema, root, inside)
    kind = _kind(schema)
    said: Schema = {"type": kind.upper()}
    for key, (kinds, is_valid) in _KEPT.items():
        if (not kinds or kind in kinds) and is_valid(schema.get(key)):
            said[key] = schema[key]
    if schema.get("format") in _FORMATS.get(kind, ()):
        said["format"] = schema["format"]
    said |= _values_said(schema, kind)
    if kind == "array":
        said["items"] = _converted(schema.get("items"), root, inside, depth + 1)
    properties = schema.get("properties")
    if kind == "object" and isinstance(properties, dict) and properties:
        said["properties"] = {
            name: _converted(child, root, inside, depth + 1) for name, child in properties.items()
        }
        required = _list(schema, "required")
        needed = [name for name in properties if name in required]
        if needed:
            said["required"] = needed
    return said


# One schema instead of references and alternatives


def _resolved(
    schema: Schema, root: Schema, inside: tuple[str, ...]
) -> tuple[Schema, tuple[str, ...]]:
    """`schema` with what it refers to, what else must fit, and one of its alternatives.

    A reference to what it is inside of leads nowhere: such a schema has no end.
    """
    for _ in range(_DEEPEST):
        parts = [*_list(schema, "allOf"), *_alternative(schema)]
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in inside:
            parts.append(_target(reference, root))
            inside = (*inside, reference)
        if not parts:
            break
        schema = {key: schema[key] for key in schema.keys() - {"$ref", "allOf", "anyOf", "oneOf"}}
        if isinstance(schema.get("type"), list):
            del schema["type"]
        for part in parts:
            if isinstance(part, dict):
                schema = _merged(part, schema)
    return schema, inside


def _alternative(schema: Schema) -> list[Json]:
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


# What is kept of it


def _kind(schema: Schema) -> str:
    """The type, or the one that the other keywords belong to."""
    kind = schema.get("type")
    if kind in _TYPES:
        return str(kind)
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _values(schema: Schema) -> list[Json]:
    return [schema["const"]] if "const" in schema else _list(schema, "enum")


def _values_said(schema: Schema, kind: str) -> Schema:
    """The values to choose from: `enum` takes texts only, so others are described."""
    values = [value for value in _values(schema) if value is not None]
    said: Schema = {"nullable": True} if None in _values(schema) else {}
    if not values:
        return said
    if kind == "string" and all(isinstance(value, str) and value for value in values):
        return said | {"enum": values}
    choice = f"One of: {', '.join(json.dumps(value) for value in values)}."
    description = schema.get("description")
    return said | {"description": f"{description} {choice}" if description else choice}


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

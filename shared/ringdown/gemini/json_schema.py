"""Reduces a tool's JSON Schema to what Gemini's subset of OpenAPI can express.

It follows references, merges in `allOf`, and takes the first of several alternatives.
"""

from dataclasses import dataclass, field, replace

from ringdown.tools import Json

Schema = dict[str, Json]

DEEPEST = 20
"""The same limit as in `ringdown.tools.check`."""
_TYPES = ("string", "number", "integer", "boolean", "array", "object")
_COMBINING = frozenset({"$ref", "allOf", "anyOf", "oneOf"})
_NAMED = frozenset({"properties", "additionalProperties", "patternProperties"})
_NUMERIC = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})


@dataclass(frozen=True, slots=True)
class Place:
    root: Schema
    """The schema in which references are resolved."""
    notes: dict[str, list[str]] = field(default_factory=dict)
    """Each simplification, with the paths that it affects."""
    inside: tuple[str, ...] = ()
    """The references followed to get to this place."""
    path: str = ""
    depth: int = 0

    def below(self, name: str) -> "Place":
        path = f"{self.path}.{name}" if self.path else name
        return replace(self, path=path, depth=self.depth + 1)

    def note(self, what: str) -> None:
        self.notes.setdefault(what, []).append(self.path)


# Resolving references and alternatives


def resolved(schema: Schema, place: Place) -> tuple[Schema, Place]:
    """Merge the references of `schema`, its `allOf` and one of its alternatives into it.

    A reference to an enclosing schema isn't followed, because that would never end.
    """
    for _ in range(DEEPEST):
        parts = [*list_of(schema, "allOf"), *_alternative(schema, place)]
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in place.inside:
            parts.append(target(reference, place.root))
            place = replace(place, inside=(*place.inside, reference))
        if not parts:
            break
        schema = {key: value for key, value in schema.items() if key not in _COMBINING}
        if isinstance(schema.get("type"), list):
            del schema["type"]
        for part in parts:
            if isinstance(part, dict):
                schema = _merged(part, schema)
    return schema, place


def _alternative(schema: Schema, place: Place) -> list[Json]:
    """Return the schemas to merge for the alternatives of `schema`: the first one or an enum of all
    their values, and whether null is allowed.

    The service accepts `anyOf` only without other keywords, and older models don't understand it.
    """
    kinds = schema.get("type")
    if isinstance(kinds, list):
        options: list[Json] = [{"type": kind} for kind in kinds]
    else:
        options = [] if kinds else list_of(schema, "anyOf") or list_of(schema, "oneOf")
    fitting = [one for one in options if isinstance(one, dict) and one.get("type") != "null"]
    nullable: list[Json] = [{"nullable": True}] if len(fitting) < len(options) else []
    if fitting and all(values_of(one) for one in fitting):
        return [{"enum": [value for one in fitting for value in values_of(one)]}, *nullable]
    if len(fitting) > 1 and not values_of(schema):
        place.note("as the first of its types only")
    return [*fitting[:1], *nullable]


def target(reference: str, root: Schema) -> Json:
    """Return the target of `#/$defs/name`; None for a reference to another document."""
    found: Json = root
    for step in reference.removeprefix("#/").split("/"):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _merged(part: Schema, schema: Schema) -> Schema:
    """Merge both; `schema` wins where they differ."""
    merged = part | schema
    if isinstance(part.get("properties"), dict) and isinstance(schema.get("properties"), dict):
        merged["properties"] = schema["properties"] | part["properties"] | schema["properties"]
    required = [*list_of(part, "required"), *list_of(schema, "required")]
    return merged | {"required": required} if required else merged


# Reading a schema


def kind_of(schema: Schema) -> str:
    """Return the type, or the one that the other keywords imply."""
    kind = schema.get("type")
    if kind in _TYPES:
        return str(kind)
    if _NAMED & schema.keys():
        return "object"
    if "items" in schema:
        return "array"
    return "number" if _NUMERIC & schema.keys() else "string"


def has_kind(schema: Schema) -> bool:
    """Whether `kind_of` is more than a guess."""
    has_type = schema.get("type") in _TYPES
    return has_type or bool(values_of(schema) or (_NAMED | _NUMERIC | {"items"}) & schema.keys())


def is_map(schema: Schema, place: Place) -> bool:
    """Whether an object's names aren't known beforehand. The arguments as a whole never count as a
    map."""
    return place.depth > 0 and not schema.get("properties")


def value_schema(schema: Schema) -> Json:
    """Return the schema of a map's values; the default is text."""
    patterns = schema.get("patternProperties")
    children = [schema.get("additionalProperties")]
    children += patterns.values() if isinstance(patterns, dict) else []
    return next((one for one in children if isinstance(one, dict)), {"type": "string"})


def values_of(schema: Schema) -> list[Json]:
    return [schema["const"]] if "const" in schema else list_of(schema, "enum")


def takes_null(schema: Json, root: Schema, depth: int = 0) -> bool:
    """Whether null is allowed, which it is by default."""
    if not isinstance(schema, dict) or depth > DEEPEST:
        return True
    if isinstance(schema.get("$ref"), str):
        return takes_null(target(schema["$ref"], root), root, depth + 1)
    kinds = schema.get("type")
    options = list_of(schema, "anyOf") or list_of(schema, "oneOf")
    if kinds is None and not options and not values_of(schema):
        return True
    return (
        "null" in (kinds if isinstance(kinds, list) else [kinds])
        or None in values_of(schema)
        or any(takes_null(option, root, depth + 1) for option in options)
    )


def list_of(schema: Schema, key: str) -> list[Json]:
    value = schema.get(key)
    return value if isinstance(value, list) else []

"""Finds what makes a tool's declaration unusable, in operators' words.

Pure, and without jsonschema, which takes too long to load while a phone rings. It reports only what
makes the tool impossible to call, or would send calls to the wrong place. A schema that models
don't accept isn't a problem: they get a simpler form (`ringdown.gemini.openapi_schema`).
"""

import json
from collections.abc import Iterator
from typing import Literal, get_args

import msgspec

from ringdown.tools import Json, ToolDeclaration
from ringdown.tools.url import problem_with_url

BuiltInName = Literal["collect_digits", "end_call", "transfer_call"]
BUILT_IN: tuple[BuiltInName, ...] = get_args(BuiltInName)
"""The functions that every session has besides its tools."""
_MOST_BYTES = 12_000
"""The limit for a declaration's JSON. A call's document can hold 1 MiB, including an agent and up
to 64 tools."""
_DEEPEST = 20


def problems_with_tool(tool: ToolDeclaration, name: str) -> Iterator[str]:
    """Yield the problems with `tool`, which was read from `tools/{name}`."""
    if tool.name != name:
        yield f"name is {tool.name}. It must be the same as the document's: {name}."
    problem = problem_with_url(tool.url)
    if problem is not None:
        yield f"url {problem}."
    yield from problems_with_name(tool.name)
    yield from problems_with_parameters(tool.parameters)
    size = _bytes_of(tool)
    if size > _MOST_BYTES:
        yield f"the declaration has {size:,} bytes; the limit is {_MOST_BYTES:,}. Shorten it."


def _bytes_of(tool: ToolDeclaration) -> int:
    """Return the size of the tool's JSON. Encoded by `json`, because msgspec refuses lone
    surrogates."""
    written = json.dumps(msgspec.to_builtins(tool), ensure_ascii=False)
    return len(written.encode("utf-8", "replace"))


def problems_with_name(name: str) -> Iterator[str]:
    if name in BUILT_IN:
        yield f"{name} is built in. Give the tool another name."


def problems_with_parameters(parameters: Json) -> Iterator[str]:
    if not isinstance(parameters, dict) or parameters.get("type") != "object":
        yield "parameters must be a JSON Schema with `type: object`."
        return
    yield from _problems_with_schema(parameters, "parameters")


def _problems_with_schema(schema: Json, path: str, depth: int = 0) -> Iterator[str]:
    if isinstance(schema, bool):  # true and false are schemas for anything and nothing
        return
    if not isinstance(schema, dict):
        yield f"{path} must be a map."
        return
    if depth > _DEEPEST:
        yield "parameters are nested too deeply."
        return
    properties = schema.get("properties", {})
    if not isinstance(properties, dict):
        yield f"{path}.properties must be a map."
        return
    yield from _problems_with_required(schema, properties, path)
    for name, child in properties.items():
        yield from _problems_with_schema(child, f"{path}.properties.{name}", depth + 1)
    if "items" in schema:
        yield from _problems_with_schema(schema["items"], f"{path}.items", depth + 1)


def _problems_with_required(
    schema: dict[str, Json], properties: dict[str, Json], path: str
) -> Iterator[str]:
    required = schema.get("required", [])
    if not isinstance(required, list):
        yield f"{path}.required must be a list of names."
        return
    for name in required:
        if name not in properties:
            yield f"{path}: {name} is required but isn't among the properties."

"""What models are told of a tool's parameters, and that the service takes it."""

from pathlib import Path

import pytest
import yaml

from ringdown.gemini.openapi_schema import openapi_parameters
from ringdown.tools import Json
from simulators.gemini_live.protocol import WIRE
from simulators.gemini_live.setup_rules import read_tools
from simulators.gemini_live.wire_types import Message
from stream_handler.call.functions import functions_for
from tests.ringdown.samples import an_agent

SHIPPED = sorted(Path("functions/tools").glob("*/tool.yaml"))
DEFINITIONS = {"Day": {"type": "string", "enum": ["monday", "friday"]}}


def converted(parameters: dict[str, Json]) -> dict[str, Json] | None:
    """What the service is sent, which must be valid."""
    found = openapi_parameters(parameters)
    if found is not None:
        tool = {"functionDeclarations": [{"name": "f", "parameters": found}]}
        read_tools([WIRE.check(tool, Message("Tool"), "tools[0]")], "setup.tools")
    return found


def argument(schema: Json) -> Json:
    """How a function's one argument is declared."""
    parameters = {"type": "object", "properties": {"a": schema}, "$defs": DEFINITIONS}
    found = converted(parameters)
    assert found is not None
    return found["properties"]["a"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_the_tools_that_ship_keep_their_arguments(path: Path) -> None:
    parameters = yaml.safe_load(path.read_text("utf-8"))["parameters"]
    found = converted(parameters)
    assert found is not None
    assert found["properties"].keys() == parameters["properties"].keys()
    assert found["required"] == parameters["required"]
    for name, schema in parameters["properties"].items():
        assert found["properties"][name]["description"] == schema["description"]


def test_the_built_in_functions_keep_their_arguments() -> None:
    agent = an_agent(transfer_numbers={"billing": "+14155550111"})
    for function in functions_for(agent):
        found = converted(function.parameters)
        assert found is not None
        assert found["properties"].keys() == function.parameters["properties"].keys()  # type: ignore[attr-defined]


def test_a_schema_is_sent_as_the_models_read_it() -> None:
    assert converted(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "items": {
                    "type": "array",
                    "items": {"type": "string", "pattern": "^[a-z]+$"},
                    "minItems": 1,
                    "uniqueItems": True,
                },
                "count": {"type": "integer", "minimum": 1, "exclusiveMaximum": 9, "default": 1},
                "at": {"type": "string", "format": "date-time", "description": "When."},
            },
            "required": ["items"],
        }
    ) == {
        "type": "OBJECT",
        "properties": {
            "items": {"type": "ARRAY", "items": {"type": "STRING"}, "minItems": 1},
            "count": {"type": "INTEGER", "minimum": 1},
            "at": {"type": "STRING", "format": "date-time", "description": "When."},
        },
        "required": ["items"],
    }


@pytest.mark.parametrize(
    "parameters",
    [{"type": "object"}, {"type": "object", "properties": {}, "required": []}, {}],
)
def test_a_function_without_arguments_has_no_parameters(parameters: dict[str, Json]) -> None:
    assert converted(parameters) is None


def test_an_empty_required_is_left_out() -> None:
    parameters = {"type": "object", "properties": {"a": {"type": "string"}}, "required": []}
    assert converted(parameters) == {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"const": "yes"}, {"type": "STRING", "enum": ["yes"]}),
        (
            {"type": "string", "enum": ["a", None]},
            {"type": "STRING", "enum": ["a"], "nullable": True},
        ),
        ({"type": ["string", "null"]}, {"type": "STRING", "nullable": True}),
        ({"type": ["integer", "string"], "minimum": 3}, {"type": "INTEGER", "minimum": 3}),
        ({"type": "integer", "enum": [1, 2]}, {"type": "INTEGER", "description": "One of: 1, 2."}),
        (
            {"type": "string", "enum": ["", "a"], "description": "Which."},
            {"type": "STRING", "description": 'Which. One of: "", "a".'},
        ),
        ({"type": "string", "format": "email"}, {"type": "STRING"}),
        (
            {"anyOf": [{"type": "number"}, {"type": "null"}], "description": "How much."},
            {"type": "NUMBER", "nullable": True, "description": "How much."},
        ),
        (
            {"oneOf": [{"const": "a", "title": "A"}, {"const": "b", "title": "B"}]},
            {"type": "STRING", "enum": ["a", "b"]},
        ),
        (
            {
                "type": "object",
                "properties": {"x": {"type": "string"}},
                "anyOf": [{"required": ["x"]}, {"required": ["y"]}],
            },
            {"type": "OBJECT", "properties": {"x": {"type": "STRING"}}},
        ),
        ({"$ref": "#/$defs/Day"}, {"type": "STRING", "enum": ["monday", "friday"]}),
        (
            {"anyOf": [{"$ref": "#/$defs/Day"}, {"type": "null"}], "description": "A day."},
            {
                "type": "STRING",
                "enum": ["monday", "friday"],
                "nullable": True,
                "description": "A day.",
            },
        ),
        (
            {
                "allOf": [
                    {"properties": {"x": {"type": "string"}}, "required": ["x"]},
                    {"properties": {"y": {"type": "boolean"}}, "required": ["y"]},
                ]
            },
            {
                "type": "OBJECT",
                "properties": {"x": {"type": "STRING"}, "y": {"type": "BOOLEAN"}},
                "required": ["x", "y"],
            },
        ),
        ({"type": "array"}, {"type": "ARRAY", "items": {"type": "STRING"}}),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {"type": "OBJECT"}),
        ({"description": "Anything."}, {"type": "STRING", "description": "Anything."}),
        (True, {"type": "STRING"}),
        ({"$ref": "https://elsewhere.example/schema"}, {"type": "STRING"}),
        ({"$ref": "#/properties/a"}, {"type": "STRING"}),
    ],
)
def test_what_the_subset_lacks_is_said_otherwise(schema: Json, expected: Json) -> None:
    assert argument(schema) == expected


@pytest.mark.parametrize(
    "nonsense",
    [
        {"type": "string", "description": 7, "enum": 5, "format": {}},
        {"type": "integer", "minimum": "low", "maximum": True},
        {"type": "array", "minItems": -1, "maxItems": 1.5, "items": []},
        {"type": [], "anyOf": [7], "allOf": "x"},
        {"type": 7, "required": 7, "properties": 7},
        {"type": {}, "oneOf": [{"type": "null"}]},
    ],
)
def test_nonsense_comes_out_valid(nonsense: Json) -> None:
    assert argument(nonsense)["type"] in ("STRING", "INTEGER", "ARRAY", "OBJECT")


def test_a_schema_that_refers_to_itself_ends() -> None:
    itself = {"$ref": "#/$defs/Node"}
    node = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "left": itself, "right": itself},
    }
    parameters = {"type": "object", "properties": {"tree": itself}, "$defs": {"Node": node}}
    assert converted(parameters) == {
        "type": "OBJECT",
        "properties": {
            "tree": {
                "type": "OBJECT",
                "properties": {
                    "name": {"type": "STRING"},
                    "left": {"type": "STRING"},
                    "right": {"type": "STRING"},
                },
            }
        },
    }

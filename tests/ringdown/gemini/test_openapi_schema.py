"""The service accepts tool parameters as we convert them, and arguments convert back."""

from pathlib import Path

import pytest
import yaml

from ringdown.gemini.openapi_schema import openapi_parameters, restored, simplifications
from ringdown.tools import Json
from ringdown.tools.arguments import problems_with
from simulators.gemini_live.protocol import WIRE
from simulators.gemini_live.setup_rules import read_tools
from simulators.gemini_live.wire_types import Message
from stream_handler.call.functions import functions_for
from tests.ringdown.samples import an_agent

SHIPPED = sorted(Path("functions/tools").glob("*/tool.yaml"))
DEFINITIONS = {"Day": {"type": "string", "enum": ["monday", "friday"]}}


def converted(parameters: dict[str, Json]) -> dict[str, Json] | None:
    """Convert parameters, and check that the service would accept the result."""
    found = openapi_parameters(parameters)
    if found is not None:
        tool = {"functionDeclarations": [{"name": "f", "parameters": found}]}
        read_tools([WIRE.check(tool, Message("Tool"), "tools[0]")], "setup.tools")
    return found


def argument(schema: Json) -> Json:
    """Convert the schema of a function's only argument."""
    found = converted(wrapped(schema))
    assert found is not None
    return found["properties"]["a"]


def pairs(value: Json) -> dict[str, Json]:
    """Return what a map of `value`s is converted to: a list of names and values."""
    properties = {"name": {"type": "string"}, "value": value}
    entry = {"type": "object", "properties": properties, "required": ["name", "value"]}
    return {"type": "array", "items": entry}


def wrapped(schema: Json) -> dict[str, Json]:
    return {"type": "object", "properties": {"a": schema}, "$defs": DEFINITIONS}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_the_tools_that_ship_keep_their_arguments(path: Path) -> None:
    parameters = yaml.safe_load(path.read_text("utf-8"))["parameters"]
    found = converted(parameters)
    if not parameters["properties"]:
        assert found is None, "models refuse an object without properties"
        return
    assert found is not None
    assert found["properties"].keys() == parameters["properties"].keys()
    assert found["required"] == parameters["required"]
    for name, schema in parameters["properties"].items():
        assert found["properties"][name]["description"] == schema["description"]


def test_the_values_of_a_text_message_go_out_as_a_list_and_come_back_as_a_map() -> None:
    path = Path("functions/tools/send_text_message/tool.yaml")
    parameters = yaml.safe_load(path.read_text("utf-8"))["parameters"]
    assert simplifications(parameters) == ("values as a list of names and values",)
    values = [{"name": "day", "value": "Thursday"}]
    args = restored({"template": "delivery_day", "values": values}, parameters)
    assert args == {"template": "delivery_day", "values": {"day": "Thursday"}}
    assert problems_with(args, parameters) is None


def test_the_built_in_functions_keep_their_arguments() -> None:
    agent = an_agent(transfer_numbers={"billing": "+14155550111"})
    for function in functions_for(agent):
        found = converted(function.parameters)
        assert found is not None
        assert found["properties"].keys() == function.parameters["properties"].keys()  # type: ignore[attr-defined]


def test_a_schema_that_models_read_is_sent_unchanged() -> None:
    parameters: dict[str, Json] = {
        "type": "object",
        "description": "An order.",
        "properties": {
            "count": {"type": "integer", "minimum": 1, "maximum": 9, "description": "How many."},
            "size": {"type": "string", "enum": ["S", "M"], "nullable": True},
            "at": {"type": "string", "format": "date-time"},
            "parts": {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 3},
            "gift": {"type": "boolean"},
        },
        "required": ["count", "size"],
    }
    assert converted(parameters) == parameters
    assert simplifications(parameters) == ()


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
                "size": {"type": "string", "enum": ["S", "M"], "nullable": True},
                "at": {"type": "string", "format": "date-time", "description": "When."},
            },
            "required": ["items"],
        }
    ) == {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "count": {"type": "integer", "minimum": 1, "maximum": 8},
            "size": {"type": "string", "enum": ["S", "M"], "nullable": True},
            "at": {"type": "string", "format": "date-time", "description": "When."},
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
    assert converted(parameters) == {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"const": "yes"}, {"type": "string", "enum": ["yes"]}),
        (
            {"type": "string", "enum": ["a", None]},
            {"type": "string", "enum": ["a"], "nullable": True},
        ),
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"type": ["integer", "string"], "minimum": 3}, {"type": "integer", "minimum": 3}),
        (
            {"type": "integer", "enum": [1, 2], "minimum": 1, "description": "How many."},
            {"type": "string", "enum": ["1", "2"], "description": "How many."},
        ),
        (
            {"enum": ["all", 1, True, None]},
            {"type": "string", "enum": ["all", "1", "true"], "nullable": True},
        ),
        ({"const": 7}, {"type": "string", "enum": ["7"]}),
        (
            {"type": "string", "enum": ["", "a"], "description": "Which."},
            {"type": "string", "description": 'Which. One of: "", "a".'},
        ),
        ({"type": "string", "format": "email"}, {"type": "string"}),
        (
            {"anyOf": [{"type": "number"}, {"type": "null"}], "description": "How much."},
            {"type": "number", "nullable": True, "description": "How much."},
        ),
        (
            {"oneOf": [{"const": "a", "title": "A"}, {"const": "b", "title": "B"}]},
            {"type": "string", "enum": ["a", "b"]},
        ),
        (
            {
                "type": "object",
                "properties": {"x": {"type": "string"}},
                "anyOf": [{"required": ["x"]}, {"required": ["y"]}],
            },
            {"type": "object", "properties": {"x": {"type": "string"}}},
        ),
        ({"$ref": "#/$defs/Day"}, {"type": "string", "enum": ["monday", "friday"]}),
        (
            {"anyOf": [{"$ref": "#/$defs/Day"}, {"type": "null"}], "description": "A day."},
            {
                "type": "string",
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
                "type": "object",
                "properties": {"x": {"type": "string"}, "y": {"type": "boolean"}},
                "required": ["x", "y"],
            },
        ),
        ({"type": "array"}, {"type": "array", "items": {"type": "string"}}),
        (
            {
                "type": "object",
                "additionalProperties": {"type": "integer"},
                "description": "Sizes.",
            },
            pairs({"type": "integer"}) | {"description": "Sizes."},
        ),
        ({"patternProperties": {"^x": {"type": "boolean"}}}, pairs({"type": "boolean"})),
        ({"type": "object"}, pairs({"type": "string"})),
        (
            {"properties": {"x": {"type": "string"}}, "additionalProperties": {"type": "string"}},
            {"type": "object", "properties": {"x": {"type": "string"}}},
        ),
        ({"minimum": 3}, {"type": "number", "minimum": 3}),
        ({"type": "number", "exclusiveMinimum": 0}, {"type": "number", "minimum": 0}),
        ({"description": "Anything."}, {"type": "string", "description": "Anything."}),
        (True, {"type": "string"}),
        ({"$ref": "https://elsewhere.example/schema"}, {"type": "string"}),
        ({"$ref": "#/properties/a"}, {"type": "string"}),
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
    assert argument(nonsense)["type"] in ("string", "integer", "array", "object")


def test_a_schema_that_refers_to_itself_ends() -> None:
    itself = {"$ref": "#/$defs/Node"}
    node = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "left": itself, "right": itself},
    }
    parameters = {"type": "object", "properties": {"tree": itself}, "$defs": {"Node": node}}
    assert converted(parameters) == {
        "type": "object",
        "properties": {
            "tree": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "left": {"type": "string"},
                    "right": {"type": "string"},
                },
            }
        },
    }


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "object", "additionalProperties": True}, "a as a list of names and values"),
        ({"type": "integer", "enum": [1, 2]}, "a as text"),
        ({"description": "Anything."}, "a as text"),
        ({"type": ["integer", "string"]}, "a as the first of its types only"),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, "a as the first of its types only"),
        ({"type": "string", "pattern": "^a"}, "a without pattern"),
        ({"type": "string", "format": "email"}, "a without format"),
        ({"type": "string", "x-order": 1}, "a without x-order"),
        ({"$ref": "#/properties/a"}, "a as text"),
        (
            {"type": "array", "items": {"type": "string", "maxLength": 9}},
            "a.items without maxLength",
        ),
    ],
)
def test_what_is_said_otherwise_or_not_at_all_is_told(schema: Json, told: str) -> None:
    assert simplifications(wrapped(schema)) == (told,)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/Day"},
        {"type": ["string", "null"], "title": "A"},
        {"const": "yes"},
        {"oneOf": [{"const": "a"}, {"const": "b"}]},
        {"type": "object", "properties": {"x": {"type": "string"}}, "additionalProperties": False},
        {"type": "integer", "exclusiveMinimum": 0},
    ],
)
def test_what_means_the_same_is_not_told(schema: Json) -> None:
    assert simplifications(wrapped(schema)) == ()


def test_what_is_told_comes_in_the_order_of_the_schema() -> None:
    keywords = {f"x-{n}": n for n in range(9)}
    told = simplifications(wrapped({"$ref": "#/$defs/Day", **keywords}))
    assert told == tuple(f"a without x-{n}" for n in range(9))


def test_much_of_a_kind_is_told_in_short() -> None:
    properties = {f"field_{n}": {"type": "string", "pattern": "^a"} for n in range(50)}
    [told] = simplifications({"type": "object", "properties": properties})
    assert told == "field_0, field_1, field_2, field_3, field_4 and 45 more without pattern"


# From OpenAPI

NODE: Json = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "next": {"$ref": "#/$defs/Node"}},
}


@pytest.mark.parametrize(
    ("schema", "sent", "meant"),
    [
        ({"type": "integer", "enum": [1, 2]}, "2", 2),
        ({"type": "integer", "enum": [1, 2]}, 2, 2),
        ({"enum": ["1", 1, True]}, "1", "1"),
        ({"enum": ["all", True, 2.5]}, "true", True),
        ({"enum": ["all", True, 2.5]}, "2.5", 2.5),
        ({"const": 7}, "7", 7),
        ({"oneOf": [{"const": 1}, {"const": 2}]}, "1", 1),
        ({"type": "string", "enum": ["1", "2"]}, "2", "2"),
        ({"type": ["integer", "null"]}, None, None),
        ({"type": "integer"}, 3.0, 3),
        ({"type": "number"}, 3.0, 3.0),
        ({"type": "object"}, [{"name": "day", "value": "Thursday"}], {"day": "Thursday"}),
        ({"type": "object"}, [], {}),
        ({"type": "object"}, {"day": "Thursday"}, {"day": "Thursday"}),
        ({"type": "object"}, '{"day": "Thursday"}', {"day": "Thursday"}),
        (
            {"type": "object", "additionalProperties": {"enum": [1, 2]}},
            [{"name": "small", "value": "1"}, {"name": "large", "value": "2"}],
            {"small": 1, "large": 2},
        ),
        (
            {"type": "array", "items": {"type": "object", "additionalProperties": True}},
            [[{"name": "a", "value": "x"}]],
            [{"a": "x"}],
        ),
        (
            {"type": "array", "items": {"properties": {"n": {"type": "integer", "enum": [4]}}}},
            [{"n": "4"}],
            [{"n": 4}],
        ),
    ],
)
def test_arguments_come_back_in_the_shape_that_was_declared(
    schema: Json, sent: Json, meant: Json
) -> None:
    parameters = wrapped(schema)
    args = restored({"a": sent}, parameters)
    assert args == {"a": meant}
    assert type(args["a"]) is type(meant)
    assert problems_with(args, parameters) is None


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        ({"type": "integer", "enum": [1, 2]}, "3"),
        ({"type": "integer"}, "3"),
        ({"type": "object"}, [{"key": "day"}]),
        ({"type": "object"}, "day: Thursday"),
        ({"type": "array", "items": {"type": "string"}}, "one, two"),
        ({"type": "integer"}, 3.5),
    ],
)
def test_what_does_not_fit_is_left_for_the_check_to_tell(schema: Json, sent: Json) -> None:
    parameters = wrapped(schema)
    assert restored({"a": sent}, parameters) == {"a": sent}
    assert problems_with({"a": sent}, parameters) is not None


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "string", "nullable": True},
        {"type": "string", "enum": ["a"]},
        {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        {"$ref": "#/$defs/Day"},
    ],
)
def test_null_for_an_argument_that_may_be_left_out_leaves_it_out(schema: Json) -> None:
    parameters = wrapped(schema)
    assert restored({"a": None}, parameters) == {}
    needed = parameters | {"required": ["a"]}
    assert restored({"a": None}, needed) == {"a": None}, "the check must report it"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["string", "null"]},
        {"enum": ["a", None]},
        {"const": None},
        {"anyOf": [{"$ref": "#/$defs/Day"}, {"type": "null"}]},
        {"description": "Anything."},
        True,
    ],
)
def test_null_that_fits_is_kept(schema: Json) -> None:
    parameters = wrapped(schema)
    assert restored({"a": None}, parameters) == {"a": None}
    assert problems_with({"a": None}, parameters) is None


def test_a_part_without_an_end_comes_back_from_a_text() -> None:
    parameters = wrapped({"$ref": "#/$defs/Node"}) | {"$defs": {"Node": NODE}}
    args = restored({"a": {"name": "x", "next": '{"name": "y"}'}}, parameters)
    assert args == {"a": {"name": "x", "next": {"name": "y"}}}
    assert problems_with(args, parameters) is None


def test_arguments_of_a_schema_that_needed_no_change_are_left_alone() -> None:
    parameters = wrapped({"type": "string"})
    for args in ({"a": "x"}, {"a": '{"b": 1}'}, {"a": "2"}, {}, {"other": [{"name": "n"}]}):
        assert restored(dict(args), parameters) == args

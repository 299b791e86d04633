"""What the check reports about a tool document."""

import msgspec
import pytest

from ringdown.gemini.openapi_schema import openapi_parameters
from ringdown.tools import Json, ToolDeclaration
from ringdown.tools.check import BUILT_IN, problems_with_tool
from simulators.gemini_live.protocol import WIRE
from simulators.gemini_live.setup_rules import read_tools
from simulators.gemini_live.wire_types import Message
from stream_handler.call.functions import functions_for
from tests.ringdown.samples import an_agent

TOOL = ToolDeclaration(
    name="check_stock",
    description="Tells how many there are.",
    url="https://tools.example/stock",
    parameters={
        "type": "object",
        "properties": {
            "item": {"type": "string"},
            "sizes": {"type": "array", "items": {"type": "integer"}},
            "when": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["item"],
    },
)


def problems(**changes: Json) -> list[str]:
    return list(problems_with_tool(msgspec.structs.replace(TOOL, **changes), "check_stock"))


def schema(**child: Json) -> dict[str, Json]:
    return {"type": "object", "properties": {"item": child}}


def test_a_good_tool_has_no_problems() -> None:
    assert problems() == []
    assert problems(parameters={"type": "object", "properties": {}}) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"url": "http://tools.example"}, "url must begin with https://"),
        ({"url": "https://169.254.169.254/"}, "url leads to the machine's metadata"),
        (
            {"name": "count_stock"},
            "name is count_stock. It must be the same as the document's: check_stock.",
        ),
    ],
)
def test_what_leads_to_the_wrong_place_is_told(changes: dict[str, Json], told: str) -> None:
    assert problems(**changes)[0].startswith(told)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_tool_cannot_take_the_place_of_a_built_in_function(name: str) -> None:
    tool = msgspec.structs.replace(TOOL, name=name)
    assert list(problems_with_tool(tool, name)) == [
        f"{name} is built in. Give the tool another name."
    ]


def test_the_functions_that_are_built_in_are_known() -> None:
    agent = msgspec.structs.replace(an_agent(), transfer_numbers={"desk": "+14155550111"})
    assert sorted(function.name for function in functions_for(agent)) == list(BUILT_IN)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({}, "parameters must be a JSON Schema with `type: object`."),
        ({"type": "string"}, "parameters must be a JSON Schema with `type: object`."),
        (
            {"type": "object", "properties": {}, "required": ["n"]},
            "parameters: n is required but isn't among the properties.",
        ),
    ],
)
def test_what_no_model_could_call_is_told(parameters: dict[str, Json], told: str) -> None:
    assert problems(parameters=parameters) == [told]


@pytest.mark.parametrize(
    "parameters",
    [
        {"type": "object", "required": []},
        schema(),
        schema(type="array", items={"description": "One."}),
        schema(type="object", required=[]),
        schema(type=["string", "null"], default=None, **{"x-order": 1}),
        {"type": "object", "properties": {"item": True}},
    ],
)
def test_a_schema_that_models_do_not_take_is_no_problem(parameters: dict[str, Json]) -> None:
    assert problems(parameters=parameters) == []
    declaration = {"name": "check_stock", "parameters": openapi_parameters(parameters)}
    read_tools([WIRE.check({"function_declarations": [declaration]}, Message("Tool"), "t")], "t")


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"type": "object", "properties": ["item"]}, "parameters.properties must be a map."),
        (
            {"type": "object", "properties": {"item": 7}},
            "parameters.properties.item must be a map.",
        ),
        ({"type": "object", "required": "item"}, "parameters.required must be a list of names."),
    ],
)
def test_what_is_no_schema_is_told(parameters: dict[str, Json], told: str) -> None:
    assert problems(parameters=parameters) == [told]


@pytest.mark.parametrize("character", ["x", "🙂", "\ud83d"])
def test_a_declaration_that_is_too_large_for_a_call_is_told(character: str) -> None:
    [problem] = problems(description=character * 12_000)
    assert problem.startswith("the declaration has ")
    assert problems(description=character * 2_500) == []


def test_a_schema_without_a_bottom_is_told() -> None:
    deep: dict[str, Json] = {"type": "string"}
    for _ in range(50):
        deep = {"type": "array", "items": deep}
    assert problems(parameters=schema(**deep)) == ["parameters are nested too deeply."]

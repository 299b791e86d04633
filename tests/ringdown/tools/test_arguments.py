"""Whether arguments fit a tool's schema, with errors for the model."""

import pytest

from ringdown.tools import Json
from ringdown.tools.arguments import problems_with

SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {
        "account_number": {"type": "string", "pattern": "^[0-9]{6}$"},
        "months": {"type": "integer", "minimum": 1},
        "kind": {"enum": ["paper", "e-mail"]},
        "to": {"type": "object", "properties": {"name": {"type": "string"}}},
    },
    "required": ["account_number"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "args",
    [
        {"account_number": "123456"},
        {"account_number": "123456", "months": 4.0, "kind": "paper", "to": {"name": "x"}},
    ],
)
def test_what_fits_has_no_problem(args: dict[str, Json]) -> None:
    assert problems_with(args, SCHEMA) is None


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ({}, "account_number"),
        ({"account_number": 123456}, "account_number"),
        ({"account_number": "12"}, "account_number"),
        ({"account_number": "123456", "months": 0}, "months"),
        ({"account_number": "123456", "months": "four"}, "months"),
        ({"account_number": "123456", "kind": "fax"}, "kind"),
        ({"account_number": "123456", "to": {"name": 5}}, "to.name"),
        ({"account_number": "123456", "caller": "+10000000000"}, "caller"),
        ({"account_number": "'; DROP TABLE accounts; --"}, "account_number"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named(args: dict[str, Json], named: str) -> None:
    problem = problems_with(args, SCHEMA)

    assert problem is not None, f"{args} was accepted"
    assert named in problem
    assert "call again" in problem


def test_large_numbers_are_divided_exactly() -> None:
    schema: dict[str, Json] = {"properties": {"price": {"multipleOf": 10}}}

    assert problems_with({"price": 10**400}, schema) is None
    assert "price:" in (problems_with({"price": 10**400 + 1}, schema) or "")


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [
        ("^\\p{L}+$", "Müller", "4711"),
        ("^(?!0)[0-9]+$", "10", "01"),
        ("^(\\w)\\1$", "aa", "ab"),
    ],
)
def test_patterns_are_those_of_json_schema(pattern: str, fits: str, does_not: str) -> None:
    schema: dict[str, Json] = {"properties": {"name": {"pattern": pattern}}}

    assert problems_with({"name": fits}, schema) is None
    assert "name:" in (problems_with({"name": does_not}, schema) or "")


@pytest.mark.timeout(5)
@pytest.mark.parametrize("pattern", ["^(x+x+)+y$", "^(?=x)(x+x+)+y$", "^(a|aa)+$", "^(x*)*\\1y$"])
def test_a_pattern_that_would_take_for_ever_does_not(pattern: str) -> None:
    schema: dict[str, Json] = {
        "properties": {"name": {"pattern": pattern}},
        "patternProperties": {pattern: {"type": "integer"}},
        "additionalProperties": False,
    }

    assert problems_with({"name": "x" * 5_000, "a" * 5_000 + "!": 1}, schema) is not None


def test_all_that_is_wrong_is_told_at_once() -> None:
    problem = problems_with({"months": 0, "kind": "fax"}, SCHEMA) or ""

    assert all(name in problem for name in ("account_number", "months", "kind"))


def test_a_huge_value_is_not_repeated_whole() -> None:
    problem = problems_with({"account_number": "9" * 100_000}, SCHEMA)

    assert problem is not None
    assert len(problem) < 400


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"properties": {"a": {"$ref": "https://elsewhere.example/schema"}}},
        {"properties": {"a": {"$ref": "#/definitions/missing"}}},
        {"properties": {"a": {"pattern": "("}}},
        {"$ref": "#"},
    ],
    ids=str,
)
def test_a_schema_that_cannot_be_applied_refuses_nothing(schema: dict[str, Json]) -> None:
    assert problems_with({"a": "b"}, schema) is None


@pytest.mark.parametrize(
    "part",
    [
        {"$ref": "https://elsewhere.example/schema"},
        {"$ref": "#/definitions/missing"},
        {"pattern": "("},
    ],
    ids=str,
)
def test_what_cannot_be_applied_leaves_the_rest_checked(part: dict[str, Json]) -> None:
    schema: dict[str, Json] = {
        "properties": {"a": {"type": "string", **part}, "b": {"type": "string"}},
        "required": ["a", "c"],
    }

    problem = problems_with({"a": 5, "b": 5}, schema) or ""

    assert all(told in problem for told in ("a: 5 is not", "b: 5 is not", '"c" is a required'))
    assert problems_with({"a": "x", "b": "x", "c": 1}, schema) is None

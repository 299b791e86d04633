"""A tool's declaration and its function agree about its arguments."""

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from ringdown.tools import Json
from ringdown.tools.folder import read_tool_folder
from tests.functions.asking import asked
from tests.functions.loading import FUNCTIONS, LoadedFunction, loaded_function

FOLDERS = sorted(path.parent for path in (FUNCTIONS / "tools").glob("*/tool.yaml"))

pytestmark = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


@pytest.fixture
def function(folder: Path, tmp_path: Path, restored_logging: None) -> Iterator[LoadedFunction]:
    environ = {
        "CALLER_PAGE_URL": "https://page.example",
        "STORE_URL": f"sqlite:{tmp_path / 'ringdown.db'}",
        "GEMINI_API_KEY": "a key of the Gemini API",
        "TWILIO_API_KEY": "SK0123456789abcdef0123456789abcdef:the-secret",
        "UPLOAD_LINK_SECRET": "s" * 32,
    }
    with loaded_function(folder.name, folder, environ) as function:
        yield function


def schema_of_arguments() -> dict[str, Json]:
    """JSON Schema of the type that the loaded function checks its arguments against."""
    names = vars(sys.modules["main"])
    [args] = (kind for name, kind in names.items() if name.endswith("Args"))
    [schema] = msgspec.json.schema(args)["$defs"].values()
    return dict(schema)


def types_in(schema: dict[str, Json]) -> set[str]:
    return {option["type"] for option in schema.get("anyOf", [schema])}


def test_the_model_is_told_what_the_function_takes(folder: Path, function: LoadedFunction) -> None:
    told, taken = read_tool_folder(folder).parameters, schema_of_arguments()
    assert told["properties"].keys() == taken["properties"].keys()
    assert set(told.get("required", ())) == set(taken.get("required", ()))
    for name, value in told["properties"].items():
        assert types_in(value) <= types_in(taken["properties"][name]), name


def test_arguments_that_are_missing_mistyped_or_huge_are_explained(
    folder: Path, function: LoadedFunction
) -> None:
    parameters = read_tool_folder(folder).parameters
    names = parameters["properties"]
    if not names:
        return  # the tool has no arguments
    first = parameters["required"][0]
    for args in ({}, {name: [1] for name in names}, {first: None}, {first: "x" * 30_000}):
        error = asked(function, folder.name, args)["error"]
        assert "The arguments do not fit: " in error["message"], args
        assert first in error["message"]

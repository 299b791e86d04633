"""Checks arguments against a tool's JSON Schema, with errors that the model can act on."""

import functools
from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec
from jsonschema_rs import (
    Draft202012Validator,
    FancyRegexOptions,
    ReferencingError,
    ValidationError,
)

from ringdown.gemini.json_schema import Schema, target
from ringdown.tools import Json

_MOST_PROBLEMS = 5
_MOST_CHARACTERS = 200  # per problem, because it quotes the value, which may be long
# A pattern that backtracks more counts as not matching: a call mustn't wait for `^(x+x+)+y$`.
_PATTERNS = FancyRegexOptions(backtrack_limit=10_000)


def problems_with(args: Mapping[str, Json], parameters: Mapping[str, Json]) -> str | None:
    """Say what is wrong with `args`, in words for the model; return None if nothing is.

    Parts of a schema that can't be applied are ignored; the tool itself must check them.
    """
    validator = _validator(msgspec.json.encode(parameters))
    if validator is None:
        return None
    try:
        found = sorted(validator.iter_errors(args), key=lambda problem: len(problem.instance_path))
    except ValueError:  # nested too deeply, or a lone surrogate
        return None
    if not found:
        return None
    problems = "; ".join(_in_words(problem) for problem in found[:_MOST_PROBLEMS])
    return f"The arguments do not fit: {problems}. Correct them and call again."


@functools.lru_cache(maxsize=256)
def _validator(parameters: bytes) -> Any | None:
    schema = msgspec.json.decode(parameters)
    try:
        return Draft202012Validator(
            _applicable(schema, schema), pattern_options=_PATTERNS, retriever=_nowhere
        )
    except (ValidationError, ReferencingError, ValueError):
        return None


def _applicable(part: Json, root: Schema) -> Json:
    """Remove what can't be applied: invalid patterns and dangling references."""
    if isinstance(part, list):
        return [_applicable(each, root) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        name: _applicable(value, root)
        for name, value in part.items()
        if not isinstance(value, str) or _applies(name, value, root)
    }


def _applies(keyword: str, value: str, root: Schema) -> bool:
    match keyword:
        case "pattern":
            return _is_pattern(value)
        case "$ref":
            return value == "#" or (value.startswith("#/") and target(value, root) is not None)
        case _:
            return True


def _is_pattern(text: str) -> bool:
    try:
        Draft202012Validator({"pattern": text}, pattern_options=_PATTERNS)
    except ValidationError:
        return False
    return True


def _nowhere(uri: str) -> NoReturn:
    """Refuse to fetch external references."""
    raise LookupError(uri)


def _in_words(problem: ValidationError) -> str:
    where = ".".join(str(step) for step in problem.instance_path)
    text = f"{where}: {problem.message}" if where else problem.message
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"

"""Whether arguments fit a tool's JSON Schema, told so that the model can correct them."""

import functools
import re
from collections.abc import Mapping

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, relevance
from referencing import Registry
from referencing.exceptions import Unresolvable

from ringdown.tools import Json

_MOST_PROBLEMS = 5
_MOST_CHARACTERS = 200  # of each: a problem quotes the value, which may be long


def problems_with(args: Mapping[str, Json], parameters: Mapping[str, Json]) -> str | None:
    """What is wrong with `args`, in words for the model; None if nothing is.

    A schema that cannot be applied refuses nothing: then the tool itself must look.
    """
    validator = _validator(msgspec.json.encode(parameters))
    if validator is None:
        return None
    try:
        found = sorted(validator.iter_errors(args), key=relevance, reverse=True)
    except (Unresolvable, re.error, RecursionError):
        return None
    except OverflowError:  # `multipleOf` makes floats of both
        return "The arguments do not fit: a number is too large. Correct them and call again."
    if not found:
        return None
    problems = "; ".join(_in_words(problem) for problem in found[:_MOST_PROBLEMS])
    return f"The arguments do not fit: {problems}. Correct them and call again."


@functools.lru_cache(maxsize=256)
def _validator(parameters: bytes) -> Draft202012Validator | None:
    schema = msgspec.json.decode(parameters)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError:
        return None
    # An empty registry: a reference to somewhere else must not be fetched.
    return Draft202012Validator(schema, registry=Registry())


def _in_words(problem: ValidationError) -> str:
    where = ".".join(str(step) for step in problem.absolute_path)
    text = f"{where}: {problem.message}" if where else problem.message
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"

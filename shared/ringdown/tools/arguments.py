"""Whether arguments fit a tool's JSON Schema, told so that the model can correct them."""

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError, relevance
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from ringdown.tools import Json

_MOST_PROBLEMS = 5
_MOST_CHARACTERS = 200  # of each: a problem quotes the value, which may be long


def problems_with(args: Mapping[str, Json], parameters: Mapping[str, Json]) -> str | None:
    """What is wrong with `args`, in words for the model; None if nothing is.

    What cannot be applied of a schema refuses nothing: then the tool itself must look.
    """
    validator = _validator(msgspec.json.encode(parameters))
    if validator is None:
        return None
    try:
        found = sorted(validator.iter_errors(args), key=relevance, reverse=True)
    except RecursionError:
        return None
    if not found:
        return None
    problems = "; ".join(_in_words(problem) for problem in found[:_MOST_PROBLEMS])
    return f"The arguments do not fit: {problems}. Correct them and call again."


_Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]
"""Takes the validator, the keyword's value, what is checked, and the schema."""


def _where_it_applies(keyword: _Keyword) -> _Keyword:
    """`keyword`, without what can't be applied: a pattern that isn't Python's, a reference to
    nowhere. The schema's other keywords are."""

    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        try:
            yield from keyword(validator, value, instance, schema) or ()
        except (Unresolvable, re.error):
            pass
        except OverflowError:  # `multipleOf` makes floats of both
            yield ValidationError("the number is too large")

    return check


_Validator = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {name: _where_it_applies(keyword) for name, keyword in Draft202012Validator.VALIDATORS.items()},
)


@functools.lru_cache(maxsize=256)
def _validator(parameters: bytes) -> Any | None:
    schema = msgspec.json.decode(parameters)
    try:
        # Without formats: a pattern that isn't Python's would be no pattern.
        Draft202012Validator.check_schema(schema, format_checker=FormatChecker(()))
    except SchemaError:
        return None
    # An empty registry: a reference to somewhere else must not be fetched.
    return _Validator(schema, registry=Registry())


def _in_words(problem: ValidationError) -> str:
    where = ".".join(str(step) for step in problem.absolute_path)
    text = f"{where}: {problem.message}" if where else problem.message
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"

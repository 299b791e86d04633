"""Writes counts and JSON for commands' output."""

from collections.abc import Sequence

import msgspec

from ringdown.tools import Json


def counted(number: int, one: str, many: str | None = None) -> str:
    """Write a count, such as `1 call` or `3 calls`."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def json_text(value: Json) -> str:
    """JSON for scripts that people can also read."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def json_rows(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for scripts: a JSON object for each row."""
    names = [head.replace(" ", "_") for head in heads]
    return json_text([dict(zip(names, row, strict=True)) for row in rows])

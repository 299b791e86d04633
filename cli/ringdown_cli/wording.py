"""How times, numbers and money are written in commands' answers."""

import datetime
from collections.abc import Sequence

import msgspec

from ringdown.tools import Json


def day_and_minute(when: datetime.datetime) -> str:
    """In UTC, so that it sorts and can be given back to a command: `2026-11-22 09:30`."""
    return f"{when.astimezone(datetime.UTC):%Y-%m-%d %H:%M}"


def json_text(value: Json) -> str:
    """For scripts, and readable all the same."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def json_rows(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for scripts: a map for each row."""
    names = [head.replace(" ", "_") for head in heads]
    return json_text([dict(zip(names, row, strict=True)) for row in rows])

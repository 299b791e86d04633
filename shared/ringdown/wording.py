"""Formats values, choices and times for messages to operators."""

import datetime
import difflib
from collections.abc import Iterable, Sequence

from ringdown.tools import Json

_LONGEST_SHOWN = 40


def shown(value: Json) -> str:
    """Format `value` for a message; a long one is cut short."""
    match value:
        case None:
            return "empty"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _cut(f"{value}")
        case str():
            return f'"{_cut(value)}"'
        case list() | tuple():
            return "a list"
        case dict():
            return "a map"
        case _:
            return f"a {type(value).__name__}"


def listed(choices: Iterable[object], last: str = "or") -> str:
    """Join choices: `a`, `a or b`, `a, b or c`."""
    *rest, final = [str(choice) for choice in choices]
    return f"{', '.join(rest)} {last} {final}" if rest else final


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Suggest the known name that `word` resembles, with a leading space; empty if none does."""
    by_small = {name.lower(): name for name in known}
    small = str(word)[:_LONGEST_SHOWN].strip().lower()
    close: Sequence[str] = difflib.get_close_matches(small, by_small, n=1, cutoff=0.6)
    return f" Did you mean {by_small[close[0]]}?" if close else ""


def day_and_time(when: datetime.datetime) -> str:
    """Format `when` in UTC, e.g. `2 November 2026, 09:30 UTC`."""
    when = when.astimezone(datetime.UTC)
    return f"{when.day} {when:%B %Y, %H:%M} UTC"


def count(number: int, thing: str) -> str:
    """Count things: `1 mark`, `2 marks`."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def _cut(text: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in text[: _LONGEST_SHOWN + 1])
    return printable if len(text) <= _LONGEST_SHOWN else f"{printable[:_LONGEST_SHOWN]}…"

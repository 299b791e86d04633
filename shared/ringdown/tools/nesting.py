"""How deep arguments and results may be nested."""

from ringdown.tools import Json

MOST_DEPTH = 32
"""Arguments and results pass through protobuf's parsers, which stop at 100 nested messages, and an
object takes three."""


def is_too_deep(value: Json) -> bool:
    """Whether `value` has objects and lists nested more than MOST_DEPTH deep."""
    level: list[Json] = [value]
    for _ in range(MOST_DEPTH + 1):
        level = [child for item in level for child in _children(item)]
        if not level:
            return False
    return True


def _children(item: Json) -> list[Json]:
    match item:
        case dict():
            return list(item.values())
        case list():
            return item
        case _:
            return []

"""Applies Cloud Logging filters to log entries; supports what our Terraform code uses.

Parentheses, `AND` and `OR`; `field="text"`, `field=word`, `field=~"pattern"`, and `field:*` for a
field that exists.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ringdown.tools import Json

_TOKEN = re.compile(r'\s*([()]|(?:AND|OR)\b|[\w.]+(?:=~|=|:)(?:"[^"]*"|[^\s()]+))')
_TEST = re.compile(r'(?P<field>[\w.]+)(?P<how>=~|=|:)(?:"(?P<text>[^"]*)"|(?P<bare>\S+))')


class NotUnderstood(Exception):
    """The filter uses unsupported syntax."""


def matches(filter: str, entry: Json) -> bool:
    """Raises NotUnderstood."""
    reader = _Reader(list(_tokens(filter)), entry)
    found = reader.any_of()
    if reader.tokens:
        raise NotUnderstood(f"{filter}: left over: {reader.tokens}")
    return found


def _tokens(filter: str) -> Iterator[str]:
    place = 0
    while place < len(filter.rstrip()):
        token = _TOKEN.match(filter, place)
        if token is None:
            raise NotUnderstood(f"{filter[place:]!r} in {filter!r}")
        yield token[0].strip()
        place = token.end()


@dataclass(slots=True)
class _Reader:
    tokens: list[str]
    entry: Json

    def any_of(self) -> bool:
        found = self.all_of()
        while self.tokens[:1] == ["OR"]:
            self.tokens.pop(0)
            found = self.all_of() or found
        return found

    def all_of(self) -> bool:
        found = self.one()
        while self.tokens[:1] == ["AND"]:
            self.tokens.pop(0)
            found = self.one() and found
        return found

    def one(self) -> bool:
        if not self.tokens:
            raise NotUnderstood("the filter ends too early")
        token = self.tokens.pop(0)
        if token == "(":
            found = self.any_of()
            if self.tokens[:1] != [")"]:
                raise NotUnderstood("a parenthesis is not closed")
            self.tokens.pop(0)
            return found
        test = _TEST.fullmatch(token)
        if test is None:
            raise NotUnderstood(token)
        return _holds(test, _value(self.entry, test["field"]))


def _holds(test: re.Match[str], value: Json) -> bool:
    wanted = test["text"] if test["text"] is not None else test["bare"]
    match test["how"]:
        case ":" if wanted == "*":
            return value is not None
        case "=":
            return _text(value) == wanted
        case "=~":
            return re.search(wanted, _text(value)) is not None
        case how:
            raise NotUnderstood(f"{how}{wanted}")


def _value(entry: Json, path: str) -> Json:
    for name in path.split("."):
        if not isinstance(entry, dict):
            return None
        entry = entry.get(name)
    return entry


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)

"""Reads parsed YAML field by field, and names the field that is wrong."""

from collections.abc import Iterator


class ScenarioError(Exception):
    """A scenario file is wrong; the message names the field and what is expected there."""


class Fields:
    """A mapping at `path`; `done()` complains about keys that nobody asked for."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise ScenarioError(f"{path or 'the file'}: expected a mapping, not {_shown(value)}")
        self._fields = {str(key): item for key, item in value.items()}
        self._unread = set(self._fields)
        self._path = path

    def path(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def has(self, key: str) -> bool:
        return key in self._fields

    def keys(self) -> tuple[str, ...]:
        return tuple(self._fields)

    def take(self, key: str) -> object:
        self._unread.discard(key)
        return self._fields.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        value = self.take(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or not value.strip():
            raise ScenarioError(f"{self.path(key)}: expected a text, not {_shown(value)}")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        value = self.take(key)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ScenarioError(
                f"{self.path(key)}: expected a number of at least 0, not {_shown(value)}"
            )
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.take(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise ScenarioError(f"{self.path(key)}: expected true or false, not {_shown(value)}")
        return value

    def fields(self, key: str) -> "Fields":
        return Fields(self.take(key), self.path(key))

    def items(self, key: str) -> Iterator["Fields"]:
        value = self.take(key)
        if not isinstance(value, list) or not value:
            raise ScenarioError(f"{self.path(key)}: expected a list, not {_shown(value)}")
        for index, item in enumerate(value):
            yield Fields(item, f"{self.path(key)}[{index}]")

    def one_of(self, *keys: str) -> str:
        """The only key of these that is there."""
        found = [key for key in keys if key in self._fields]
        if len(found) != 1:
            raise ScenarioError(
                f"{self._path}: expected exactly one of {', '.join(keys)}, "
                f"not {', '.join(found) or ', '.join(self._fields) or 'none'}"
            )
        return found[0]

    def done(self) -> None:
        if self._unread:
            names = ", ".join(self.path(key) for key in sorted(self._unread))
            raise ScenarioError(f"unknown: {names}")


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(value)

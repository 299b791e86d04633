"""Reads values from parsed YAML; errors name the field: "model.turns[2].say: …"."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import yaml

_Choice = TypeVar("_Choice", bound=str)


class ScenarioError(ValueError):
    """A scenario file is invalid; the message names the field and what it must be."""


class Fields:
    """A mapping in the file; `finish` rejects keys that nothing has read."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, Mapping):
            raise ScenarioError(f"{path}: must be a mapping; it is {_shown(value)}")
        self._values: Mapping[Any, Any] = value
        self._read: list[str] = []
        self.path = path

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def keys(self) -> tuple[str, ...]:
        return tuple(map(str, self._values))

    def at(self, key: str) -> str:
        """Return the path of a field, for messages."""
        return f"{self.path}.{key}"

    def get(self, key: str) -> Any:
        self._read.append(key)
        return self._values.get(key)

    def needed_text(self, key: str) -> str:
        text = self.text(key)
        if text is None:
            raise self._wrong(key, "text", None)
        return text

    def text(self, key: str) -> str | None:
        value = self.get(key)
        if value is None or (isinstance(value, str) and value.strip()):
            return value
        raise self._wrong(key, "text", value)

    def choice(
        self, key: str, choices: Sequence[_Choice], default: _Choice | None = None
    ) -> _Choice:
        """Read one of several texts; required unless there is a default."""
        text = self.text(key)
        if text is None and default is not None:
            return default
        for one in choices:
            if text == one:
                return one
        raise self._wrong(key, f"{', '.join(choices[:-1])} or {choices[-1]}", text)

    def texts(self, key: str) -> tuple[str, ...]:
        """Read a text or a list of texts."""
        value = self.get(key)
        items = [] if value is None else value if isinstance(value, list) else [value]
        for item in items:
            if not isinstance(item, str) or not item.strip():
                raise self._wrong(key, "text or a list of texts", item)
        return tuple(items)

    def number(self, key: str, default: float | None = None, *, minimum: float = 0) -> float:
        """Read a number; required unless there is a default."""
        value = self.get(key)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or value < minimum:
            raise self._wrong(key, f"a number of at least {minimum:g}", value)
        return value

    def whole(self, key: str, default: int, *, minimum: int) -> int:
        value = self.number(key, default, minimum=minimum)
        if value != int(value):
            raise self._wrong(key, "a whole number", value)
        return int(value)

    def flag(self, key: str) -> bool:
        value = self.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise self._wrong(key, "true or false", value)

    def mapping(self, key: str) -> Mapping[str, Any]:
        value = self.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise self._wrong(key, "a mapping", value)
        return value

    def child(self, key: str) -> "Fields | None":
        value = self.get(key)
        return None if value is None else Fields(value, f"{self.path}.{key}")

    def needed_child(self, key: str) -> "Fields":
        return Fields(self.get(key), f"{self.path}.{key}")

    def one_of(self, *keys: str) -> str:
        """Return which of these keys is present; exactly one must be."""
        found = [key for key in keys if key in self._values]
        if len(found) != 1:
            has = ", ".join(found or self.keys()) or "none"
            raise ScenarioError(f"{self.path}: must have one of {', '.join(keys)}; has {has}")
        return found[0]

    def children(self, key: str) -> Iterator["Fields"]:
        """Yield the mappings in a list; a single mapping counts as a list of one."""
        value = self.get(key)
        items = [] if value is None else value if isinstance(value, list) else [value]
        for index, item in enumerate(items):
            yield Fields(item, f"{self.path}.{key}[{index}]")

    def finish(self) -> None:
        unknown = [str(key) for key in self._values if key not in self._read]
        if unknown:
            known = ", ".join(dict.fromkeys(self._read))
            raise ScenarioError(
                f"{self.path}.{unknown[0]}: unknown field; the known ones are {known}"
            )

    def _wrong(self, key: str, wanted: str, value: object) -> ScenarioError:
        return ScenarioError(f"{self.path}.{key}: must be {wanted}; it is {_shown(value)}")


def parse_yaml(text: str) -> Fields:
    """Parse the text of a scenario file. Raises ScenarioError."""
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # such as a 13th month
        raise ScenarioError(f"invalid YAML: {error}") from None
    return Fields(document, "the file")


def _shown(value: object) -> str:
    return "missing" if value is None else repr(value)

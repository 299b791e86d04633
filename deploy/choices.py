"""Keeps the person's choices in terraform/terraform.tfvars, which they may also edit."""

import re
from collections.abc import Iterable
from pathlib import Path

_LINE = re.compile(
    r'^(?P<name>\w+)\s*=\s*(?:"(?P<text>[^"]*)"|(?P<bare>true|false|\d+))\s*(?:#.*)?$'
)
_NUMBERS = re.compile(
    r"^phone_numbers\s*=\s*(\{[^\n]*\}|\{[^\n]*\n.*?^\})", re.MULTILINE | re.DOTALL
)
_TOOL_SECRETS = re.compile(r"^enabled_tool_secrets\s*=\s*\{([^}]*)\}", re.MULTILINE)
_SECRETS = ("gemini_api_key", "tool_secrets", "twilio_auth_token", "twilio_shared_key_secret")


class Choices:
    """Variables with plain values, and phone_numbers as written in the file.

    Only `write` saves new values, so that mistakes aren't saved; in a dry run nothing is.
    """

    def __init__(self, path: Path, *, dry_run: bool) -> None:
        self._path = path
        self._dry_run = dry_run
        text = path.read_text("utf-8") if path.exists() else ""
        found = [match for line in text.splitlines() if (match := _LINE.match(line))]
        self.values = {m["name"]: m["text"] if m["bare"] is None else m["bare"] for m in found}
        if numbers := _NUMBERS.search(text):
            self.values["phone_numbers"] = numbers[1]
        tool_secrets = _TOOL_SECRETS.search(text)
        self.tool_secrets = re.findall(r"\b[A-Z]\w*", tool_secrets[1]) if tool_secrets else []
        """The names in enabled_tool_secrets."""
        self._assigned = set(re.findall(r"^(\w+)\s*=", text, re.MULTILINE))
        self._new: dict[str, str] = {}

    @property
    def secrets(self) -> list[str]:
        """Secrets that someone has put into the file."""
        return sorted(self._assigned & set(_SECRETS))

    def has(self, name: str) -> bool:
        return name in self._assigned or name in self.values

    def get(self, name: str, default: str = "") -> str:
        return self.values.get(name, default)

    @property
    def phone_numbers(self) -> list[str]:
        return re.findall(r'"(\+\d+)"', self.get("phone_numbers"))

    def keep_numbers(self, numbers: Iterable[str]) -> None:
        """Assign the numbers to the default agent, replacing `phone_number` of earlier releases."""
        self.values.pop("phone_number", None)
        answered = ", ".join(f'"{number}" = {{agent = "default"}}' for number in numbers)
        self.keep("phone_numbers", f"{{{answered}}}")

    def keep(self, name: str, value: str) -> None:
        self.values[name] = self._new[name] = value

    def write(self) -> None:
        if self._dry_run or not self._new:
            return
        text = self._path.read_text("utf-8") if self._path.exists() else ""
        if "phone_numbers" in self._new:
            text = re.sub(r"^phone_number\s*=.*\n?", "", text, flags=re.MULTILINE)
        if text and not text.endswith("\n"):
            text += "\n"
        for name, value in self._new.items():
            plain = value in ("true", "false") or value.startswith("{")
            text += f"{name} = {value}\n" if plain else f'{name} = "{value}"\n'
        self._path.write_text(text, "utf-8")
        self._new.clear()

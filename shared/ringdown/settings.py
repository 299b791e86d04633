"""Reads a process's settings from its environment, and reports all problems together."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from ringdown.errors import ConfigurationError
from ringdown.hosts import ascii_host
from ringdown.phone_numbers import is_e164

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class SettingsReader:
    """Collects settings and their problems; `finish()` raises if there were any.

    A getter that finds a problem returns an empty value, so that the rest is still checked.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._problems: list[str] = []

    def text(self, name: str, purpose: str, *, default: str | None = None) -> str:
        value = self._environ.get(name, "").strip() or default
        if value is None:
            self._problems.append(f"{name} is not set. Set it to {purpose}.")
            return ""
        return value

    def optional(self, name: str) -> str | None:
        return self._environ.get(name, "").strip() or None

    def secret(self, name: str, purpose: str, *, min_length: int) -> str:
        value = self.text(name, purpose)
        if value and len(value) < min_length:
            self._problems.append(
                f"{name} is too short: {len(value)} characters, but at least {min_length} are"
                " needed."
                f" Set it to {purpose}."
            )
        return value

    def rotated_secret(self, name: str, purpose: str, *, min_length: int) -> tuple[str, ...]:
        """Return the secret, then its predecessor, `{name}_BEFORE`, if that is still accepted."""
        before = f"{name}_BEFORE"
        return (
            self.secret(name, purpose, min_length=min_length),
            *(
                (self.secret(before, f"the old {name}, or leave it out", min_length=min_length),)
                if self.optional(before)
                else ()
            ),
        )

    def integer(self, name: str, *, default: int, minimum: int, maximum: int) -> int:
        raw = self._environ.get(name, "").strip()
        if not raw:
            return default
        try:
            value = int(raw)
        except ValueError:
            value = minimum - 1
        if not minimum <= value <= maximum:
            self._problems.append(
                f"{name} is {raw!r}. Set it to a whole number from {minimum} to {maximum}."
            )
            return default
        return value

    def flag(self, name: str) -> bool:
        """Read a setting that is `yes` or `no`; the default is no."""
        value = self._environ.get(name, "").strip() or "no"
        if value not in ("yes", "no"):
            self._problems.append(f"{name} is {value!r}. Set it to yes or no.")
        return value == "yes"

    def url(self, name: str, purpose: str, *, scheme: str) -> str:
        """Read a base URL without query or trailing slash; `scheme` is "https" or "wss".

        The unencrypted scheme (http, ws) is accepted only for loopback addresses.
        """
        value = self.text(name, purpose).rstrip("/")
        if not value:
            return ""
        try:
            parts = urlsplit(value)
            host = ascii_host(parts.hostname or "")
            _ = parts.port
        except ValueError:
            self._problems.append(f"{name} is {value!r}, which isn't a URL. Set it to {purpose}.")
            return ""
        plain = parts.scheme == scheme[:-1] and host in _LOOPBACK
        if not host or parts.query or parts.fragment or not (parts.scheme == scheme or plain):
            self._problems.append(
                f"{name} is {value!r}. It must begin with {scheme}:// and have no query."
                f" Set it to {purpose}."
            )
        return value

    def phone_number(self, name: str) -> str | None:
        value = self.optional(name)
        if value is not None and not is_e164(value):
            self._problems.append(
                f"{name} is {value!r}. Set it to a number such as +14155550100"
                " (plus, country code, digits only), or leave it out."
            )
            return None
        return value

    def phone_numbers(self, name: str) -> tuple[str, ...]:
        """Read numbers separated by commas; return none if any of them is wrong."""
        values = [
            value for part in self._environ.get(name, "").split(",") if (value := part.strip())
        ]
        wrong = [value for value in values if not is_e164(value)]
        for value in wrong:
            self._problems.append(
                f"{name} has {value!r}. Set it to numbers such as +14155550100 (plus, country code,"
                " digits only), separated by commas, or leave it out."
            )
        return () if wrong else tuple(values)

    def problem(self, text: str) -> None:
        self._problems.append(text)

    def finish(self) -> None:
        """Raise ConfigurationError with all problems found, if there are any."""
        if self._problems:
            raise ConfigurationError(list(dict.fromkeys(self._problems)))

"""Pins a package with extras under each of its names: x, x[a] and x[a,b].

For pip before 23.3 these are separate requirements. With only one of them pinned, it picks the
newest release for the others, and then refuses it because its hash isn't in the lock. So the
installation would work only until the package's next release.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

_PIN = re.compile(r"(?P<name>[\w.-]+)\[(?P<extras>[^]]+)\](?P<rest>==.*)", re.DOTALL)


def pinned(lock: str) -> str:
    """Return the lock with the missing pins added; it stays the same if it has them all."""
    entries = re.split(r"^(?=[^\s#])", lock, flags=re.MULTILINE)
    return "".join(dict.fromkeys(pin for entry in entries for pin in _pins(entry)))


def _pins(entry: str) -> Iterator[str]:
    match = _PIN.fullmatch(entry)
    if match is None:
        yield entry
        return
    extras = match["extras"].replace(" ", "").split(",")
    yield f"{match['name']}{match['rest']}"
    for extra in extras:
        yield f"{match['name']}[{extra}]{match['rest']}"
    yield f"{match['name']}[{','.join(extras)}]{match['rest']}"


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        path.write_text(pinned(path.read_text("utf-8")), "utf-8")

"""An index of wheels that contain only metadata, for testing what pip makes of a lock."""

import functools
import hashlib
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

_PIN = re.compile(
    r"^(?P<name>[\w.-]+)(?P<extras>\[.+\])?==(?P<version>[\w.]+)(?P<marker> ;[^\\\n]+)?", re.M
)
_WHEEL = "Wheel-Version: 1.0\nGenerator: stub\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclass(frozen=True, slots=True)
class Pin:
    """One entry of a lock, without its hashes."""

    name: str
    extras: str
    """The extras in brackets, or an empty string."""
    version: str
    marker: str


def pins(lock: str) -> Iterator[Pin]:
    for match in _PIN.finditer(lock):
        yield Pin(match["name"], match["extras"] or "", match["version"], match["marker"] or "")


def stubbed(lock: str, index: Path) -> str:
    """Make a stub of each locked package; returns the lock with the stubs' hashes.

    A stub requires what the package requires, if this environment has that version of it.
    """
    lines = []
    for pin in pins(lock):
        metadata = _dependencies().get((_normal(pin.name), pin.version), ())
        digest = _write_stub(index, pin.name, pin.version, metadata)
        lines.append(f"{pin.name}{pin.extras}=={pin.version}{pin.marker} --hash=sha256:{digest}\n")
    return "".join(lines)


def write_newer(lock: str, index: Path) -> None:
    """Make a stub of a later release of each locked package."""
    for pin in pins(lock):
        release = re.match(r"[\d.]*\d", pin.version)
        assert release is not None, pin
        _write_stub(index, pin.name, f"{release[0]}.1")


def _write_stub(index: Path, name: str, version: str, metadata: Iterable[str] = ()) -> str:
    """Returns the wheel's SHA-256."""
    stem = f"{name.replace('-', '_')}-{version}"
    wheel = index / _normal(name) / f"{stem}-py3-none-any.whl"
    wheel.parent.mkdir(parents=True, exist_ok=True)
    head = ("Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}")
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{stem}.dist-info/METADATA", "\n".join((*head, *metadata, "")))
        archive.writestr(f"{stem}.dist-info/WHEEL", _WHEEL)
        archive.writestr(f"{stem}.dist-info/RECORD", "")
    links = (f'<a href="{each.name}">{each.name}</a>' for each in wheel.parent.glob("*.whl"))
    (wheel.parent / "index.html").write_text("<!DOCTYPE html>\n" + "\n".join(links), "utf-8")
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


@functools.cache
def _dependencies() -> dict[tuple[str, str], list[str]]:
    """The metadata lines about dependencies, for the name and version of each installed package."""
    found = {}
    for distribution in distributions():
        metadata = distribution.metadata
        found[_normal(metadata["Name"]), distribution.version] = [
            f"{field}: {value}"
            for field in ("Provides-Extra", "Requires-Dist")
            for value in metadata.get_all(field) or ()
        ]
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()

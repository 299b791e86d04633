"""Virtual environments for third-party programs, each locked by hashes."""

import hashlib
import subprocess
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devtools.processes import say

_PIP = (
    *("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"),
    *("--no-build-isolation", "--use-pep517", "--require-hashes", "--requirement"),
)


class InstallFailed(Exception):
    """The installer failed; its output says why."""


@dataclass(frozen=True, slots=True)
class LockedEnvironment:
    """A virtual environment with this process's Python, and with `locks` installed, in order."""

    name: str
    folder: Path
    locks: tuple[Path, ...]
    takes: str
    """What setup takes, such as "600 MB and two minutes"."""

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def ensure(self) -> None:
        """Create the environment unless it is up to date. Raises InstallFailed."""
        if is_installed(self.folder, self.locks):
            return
        say(f"Setting up {self.folder.name} for {self.name} (once; about {self.takes}) …")
        venv.create(self.folder, clear=True, with_pip=True, symlinks=True)
        for lock in self.locks:
            install(self.name, (str(self.python), *_PIP, str(lock)))
        note_installed(self.folder, self.locks)


def install(name: str, argv: Sequence[str]) -> None:
    """Run an installer. Raises InstallFailed."""
    try:
        done = subprocess.run(argv, check=False).returncode == 0
    except FileNotFoundError:
        raise InstallFailed(f"Can't install {name}: {argv[0]} isn't installed.") from None
    if not done:
        raise InstallFailed(f"Can't install {name}. Check the network and the disk.")


def is_installed(folder: Path, locks: Sequence[Path]) -> bool:
    """Whether `folder` was made from the current `locks`."""
    stamp = folder / _STAMP
    return stamp.is_file() and stamp.read_text("ascii") == _checksum(locks)


def note_installed(folder: Path, locks: Sequence[Path]) -> None:
    (folder / _STAMP).write_text(_checksum(locks), "ascii")


_STAMP = ".installed"


def _checksum(locks: Sequence[Path]) -> str:
    return hashlib.sha256(b"".join(lock.read_bytes() for lock in locks)).hexdigest()

"""Makes pipecat's own virtual environment. `python -m benchmarks.pipecat.environment`."""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

from devtools.processes import say

ENVIRONMENT = Path(__file__).resolve().parent.parent.parent / ".venv-pipecat"
PYTHON = ENVIRONMENT / "bin" / "python"

_FOLDER = Path(__file__).resolve().parent
_LOCKS = (_FOLDER / "build-requirements.txt", _FOLDER / "requirements.txt")
_STAMP = ENVIRONMENT / ".installed"
_PIP = (
    *("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"),
    *("--no-build-isolation", "--use-pep517", "--require-hashes", "--requirement"),
)


class InstallFailed(Exception):
    """pip, whose own words stand above, did not install everything; the message says what to do."""


def ensure() -> None:
    """Make the environment unless it is there as locked. Raises InstallFailed.

    It has the same Python as this process, so that the comparison is one of the bots. What has no
    wheel is built with the build requirements.
    """
    locked = hashlib.sha256(b"".join(lock.read_bytes() for lock in _LOCKS)).hexdigest()
    if _STAMP.is_file() and _STAMP.read_text("ascii") == locked:
        return
    say(f"Setting up {ENVIRONMENT.name} for pipecat (once; about 600 MB and two minutes) …")
    venv.create(ENVIRONMENT, clear=True, with_pip=True, symlinks=True)
    for lock in _LOCKS:
        pip = subprocess.run((str(PYTHON), *_PIP, str(lock)), check=False)  # noqa: S603
        if pip.returncode:
            raise InstallFailed(
                "Can't install pipecat. Check the network and the disk, or leave it out:\n"
                "  python -m benchmarks --targets relay,ringdown"
            )
    _STAMP.write_text(locked, "ascii")


if __name__ == "__main__":
    try:
        ensure()
    except InstallFailed as failure:
        say(str(failure))
        sys.exit(1)

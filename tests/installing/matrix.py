"""Resolves every lock with every pip. Takes half an hour.

    python -m tests.installing.matrix python3.11 python3.12 python3.13 python3.14

Each Python is tried with the pip that it bundles, and 3.11 with those of all its releases. Pip
checks the real packages' hashes but installs nothing: first from the index alone, then with newer
releases of everything added. The exit status is 1 if it refuses a lock.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from devtools.processes import say
from tests.installing.stub_wheels import write_newer
from tests.installing.test_locks import LOCKS, ROOT

PIPS_OF_3_11 = ("22.3.1", "23.0.1", "23.2.1", "24.0")
BUILD = [lock for lock in LOCKS if lock.name == "build-requirements.txt"]


def main(pythons: list[str]) -> int:
    refused = 0
    with tempfile.TemporaryDirectory() as scratch:
        for python in pythons:
            environment = Path(scratch) / Path(python).name
            for label in _prepared(python, environment):
                for lock in LOCKS:
                    for newer in (False, True):
                        began = time.monotonic()
                        error = _error(environment / "bin" / "python", lock, newer=newer)
                        took_s = time.monotonic() - began
                        source = "newer releases" if newer else "index"
                        tried = f"{label}  {lock.relative_to(ROOT)}  {source}  {took_s:.1f} s"
                        say(f"{tried}  {error or 'ok'}")
                        refused += bool(error)
    return min(refused, 1)


def _prepared(python: str, environment: Path) -> Iterator[str]:
    """Make an environment with what builds packages that have no wheel; name each pip it gets."""
    _run(python, "-m", "venv", environment)
    inside = environment / "bin" / "python"
    for lock in BUILD:
        _run(inside, "-m", "pip", "install", "-qq", "--require-hashes", "--requirement", lock)
    release = _run(inside, "-c", "import platform; print(platform.python_version())").strip()
    for pip in PIPS_OF_3_11 if release.startswith("3.11.") else ("",):
        if pip:
            _run(inside, "-m", "pip", "install", "-qq", f"pip=={pip}")
        version = _run(inside, "-m", "pip", "--version").split()[1]
        yield f"Python {release}  pip {version}"


def _error(python: Path, lock: Path, *, newer: bool) -> str:
    """The last line of what pip has against the lock, or nothing."""
    with tempfile.TemporaryDirectory() as stubs:
        if newer:
            write_newer(lock.read_text("utf-8"), Path(stubs))
        links = [option for each in Path(stubs).iterdir() for option in ("--find-links", each)]
        done = subprocess.run(
            (
                *(python, "-m", "pip", "install", "-qq", "--dry-run", "--ignore-installed"),
                *("--disable-pip-version-check", "--no-build-isolation", *links),
                *("--require-hashes", "--requirement", lock),
            ),
            capture_output=True,
            text=True,
            check=False,
        )
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


def _run(*argv: str | Path) -> str:
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

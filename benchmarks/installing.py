"""Installs what the benchmark needs beyond the development environment, once."""

import hashlib
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from devtools.processes import say

_REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"
_EVERY = 20
_TAIL_LINES = 8


class InstallFailed(Exception):
    """pip did not install everything; the message shows how it ended and what to do."""


def ensure_extras() -> None:
    """Install soxr and matplotlib into this environment. Raises InstallFailed.

    They are locked to what is installed already, so nothing else changes.
    """
    environment = Path(sys.prefix)
    if not is_installed(environment, _REQUIREMENTS):
        say("Installing soxr and matplotlib (once) …")
        install(environment, _REQUIREMENTS)


def is_installed(environment: Path, requirements: Path) -> bool:
    """Whether `install` has been here with just these requirements."""
    stamp = _stamp(environment, requirements)
    return stamp.is_file() and stamp.read_text("ascii") == _digest(requirements)


def install(environment: Path, requirements: Path) -> None:
    """Install locked packages into a virtual environment, telling how far it is.

    A package without a wheel is built with what is installed there already. Raises InstallFailed.
    """
    command = (
        *(str(environment / "bin" / "python"), "-m", "pip", "install"),
        *("--disable-pip-version-check", "--progress-bar", "off", "--no-input"),
        *("--no-build-isolation", "--use-pep517"),
        *("--require-hashes", "--requirement", str(requirements)),
    )
    tail: list[str] = []
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        lines = _kept(pip.stdout or (), tail)
        for message in progress(lines, _count(requirements)):
            say(f"  {message}")
    if pip.returncode != 0:
        shown = "\n".join(f"    {line}" for line in tail)
        raise InstallFailed(
            f"pip ended with status {pip.returncode}:\n{shown}\n"
            "Check the network and the disk (pipecat needs 600 MB), then try again."
        )
    _stamp(environment, requirements).write_text(_digest(requirements), "ascii")


def progress(pip_lines: Iterable[str], packages: int) -> Iterator[str]:
    """What to tell a person of pip's own words, now and then."""
    collected = 0
    for line in pip_lines:
        if line.startswith("Collecting "):
            collected += 1
            if collected % _EVERY == 0:
                yield f"{collected} of at most {packages} packages collected …"
        elif line.startswith("Installing collected"):
            yield "installing them …"


def _kept(lines: Iterable[str], tail: list[str]) -> Iterator[str]:
    """The lines, the last few of which stay in `tail`."""
    for line in lines:
        tail.append(line.rstrip())
        del tail[:-_TAIL_LINES]
        yield line


def _count(requirements: Path) -> int:
    return sum("==" in line for line in requirements.read_text("utf-8").splitlines())


def _stamp(environment: Path, requirements: Path) -> Path:
    return environment / f".installed-{requirements.parent.name}-{requirements.stem}"


def _digest(requirements: Path) -> str:
    return hashlib.sha256(requirements.read_bytes()).hexdigest()

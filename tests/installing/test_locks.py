"""Every lock installs with the oldest pip, whatever newer releases there are.

Only that pip is downloaded: the packages are stubs with the dependencies of the real ones. The stub
of a package that isn't installed here (pipecat, for one) has none.
"""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.installing.stub_wheels import stubbed, write_newer
from tests.terraform.clean_machine import clean_environment

ROOT = Path(__file__).parents[2]
OLDEST_PIP = Path(__file__).parent / "oldest_pip" / "requirements.txt"
LOCKS = (
    ROOT / "requirements.txt",
    *sorted(
        source.with_suffix(".txt")
        for folder in ("benchmarks", "cli", "functions", "peers", "scripts", "services", "tests")
        for source in (ROOT / folder).rglob("*requirements.in")
    ),
)
RUN_PIP = """
import os, pkgutil, sys
vars(pkgutil).setdefault("ImpImporter", type("ImpImporter", (), {}))  # gone since Python 3.12
from pip._internal.cli.main import main
for folder in sys.argv[1:]:
    if os.fork() == 0:
        os.chdir(folder)
        os.dup2(os.open("errors", os.O_WRONLY | os.O_CREAT), 2)
        sys.exit(main(
            ["--isolated", "--disable-pip-version-check", "install", "-qq", "--dry-run"]
            + ["--ignore-installed", "--no-cache-dir", "--index-url", f"file://{folder}/index"]
            + ["--require-hashes", "--requirement", "requirements.txt"]
        ))
    os.wait()
"""

pytestmark = pytest.mark.timeout(120)  # the first time, pip is downloaded


def test_newer_releases_do_not_disturb_an_installation(tmp_path: Path) -> None:
    locks = {lock.relative_to(ROOT).as_posix(): lock.read_text("utf-8") for lock in LOCKS}

    assert not refused(locks, tmp_path)


def test_a_missing_pin_is_noticed(tmp_path: Path) -> None:
    """uv's lock lacks the first pin by default, and the second with --no-strip-extras."""
    lock = (ROOT / "requirements.txt").read_text("utf-8")
    incomplete = {pin: without(pin, lock) for pin in ("google-auth[requests]", "google-auth")}

    errors = refused(incomplete, tmp_path)

    assert "google-auth[requests]<" in errors["google-auth[requests]"]
    assert "google-auth<" in errors["google-auth"]


def without(pin: str, lock: str) -> str:
    shorter = re.sub(rf"^{re.escape(pin)}==.*\n( +--hash.*\n)+", "", lock, flags=re.MULTILINE)
    assert shorter != lock
    return shorter


def refused(locks: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """The locks that the oldest pip refuses to install, and its messages."""
    folders = {lock: scratch / str(number) for number, lock in enumerate(locks)}
    for lock, folder in folders.items():
        folder.mkdir()
        (folder / "requirements.txt").write_text(stubbed(locks[lock], folder / "index"), "utf-8")
        write_newer(locks[lock], folder / "index")
    python = clean_environment(OLDEST_PIP) / "bin" / "python"
    subprocess.run((python, "-c", RUN_PIP, *folders.values()), check=True, timeout=100)
    errors = {lock: (folder / "errors").read_text("utf-8") for lock, folder in folders.items()}
    return {lock: error for lock, error in errors.items() if error}

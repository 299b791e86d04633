"""Starts slow services once per run, for all of pytest's workers to share.

The first test that needs one starts it; it ends with the run, even if the run is killed.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

_FOLDER_VARIABLE = "RINGDOWN_TEST_RUN"
"""The run's folder; workers inherit it."""


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    folder = Path(tempfile.mkdtemp(prefix="ringdown-tests-"))
    os.mkfifo(folder / "alive")
    # Open for reading too: a FIFO without a reader could not be opened without waiting for one.
    alive = os.open(folder / "alive", os.O_RDWR)
    os.environ[_FOLDER_VARIABLE] = str(folder)

    def end() -> None:
        os.close(alive)
        shutil.rmtree(folder, ignore_errors=True)

    config.add_cleanup(end)


def folder_of_run() -> Path:
    return Path(os.environ[_FOLDER_VARIABLE])


def once_per_run(name: str, make: Callable[[], str]) -> str:
    """Call `make` for the first test only. The others get the same result, or fail the same way."""
    made, failed = folder_of_run() / name, folder_of_run() / f"{name}.failed"
    with (folder_of_run() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if failed.exists():
            pytest.fail(failed.read_text("utf-8"), pytrace=False)
        if not made.exists():
            try:
                made.write_text(make(), "utf-8")
            except Exception as error:
                failed.write_text(f"{type(error).__name__}: {error}", "utf-8")
                raise
        return made.read_text("utf-8")


def start_for_run(argv: Sequence[str], log: Path) -> None:
    """Start a process that outlives this worker. It writes to `log`.

    A shell next to it waits until no process holds the run's FIFO open for writing, that is, until
    the run has ended. Then it kills the process's group, if it created one, and its own.
    """
    script = '{ "$@" & read -r _ < "$0"; kill -KILL "-$!"; kill -KILL 0; } &'
    with log.open("wb") as output:
        subprocess.run(
            ("/bin/sh", "-c", script, str(folder_of_run() / "alive"), *argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=True,
        )

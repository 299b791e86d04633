"""Google's Firestore emulator: one per run, which all workers share.

FIRESTORE_EMULATOR_HOST names one that is already running; otherwise gcloud starts one. Projects
can't see each other's documents, so each test uses its own project.
"""

import http.client
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from devtools.processes import free_port
from tests.once_per_run import folder_of_run, once_per_run, start_for_run

VARIABLE = "FIRESTORE_EMULATOR_HOST"
_READY_WITHIN_S = 45.0
_ENDS_WITHIN_S = 5.0
_POLL_S = 0.1
_NEEDED = (
    "the Firestore emulator, which needs Java. Install it: gcloud components install"
    " cloud-firestore-emulator"
)


class EmulatorFailed(Exception):
    """The emulator didn't start; the message has the end of its log."""


@pytest.fixture(scope="session")
def emulator_host() -> str:
    """The host and port of this run's emulator."""
    return os.environ.get(VARIABLE) or once_per_run("firestore", _start_for_run)


@pytest.fixture
def firestore_project(emulator_host: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty project; Google's client finds the emulator through the environment."""
    monkeypatch.setenv(VARIABLE, emulator_host)
    return a_project()


def a_project() -> str:
    """A name that no other test uses."""
    return f"test-{uuid.uuid4().hex[:16]}"


def _start_for_run() -> str:
    host, log = f"127.0.0.1:{free_port()}", folder_of_run() / "firestore.log"
    start_for_run(_command(host), log)
    _wait_until_ready(host, log)
    return host


class Emulator:
    """A test's own emulator, which the test may kill; it keeps its port when restarted."""

    def __init__(self, log: Path) -> None:
        self.host = f"127.0.0.1:{free_port()}"
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                _command(self.host),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _wait_until_ready(self.host, self._log)

    def kill(self) -> None:
        """Kill the process group: Java would survive gcloud and its shell."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(_ENDS_WITHIN_S)


@contextmanager
def running_emulator(folder: Path) -> Iterator[Emulator]:
    """The test's own emulator, with its log in `folder`."""
    emulator = Emulator(folder / "firestore.log")
    try:
        emulator.start()
        yield emulator
    finally:
        emulator.kill()


def _command(host: str) -> tuple[str, ...]:
    """Skips the test if the emulator isn't installed."""
    gcloud = shutil.which("gcloud")
    if gcloud is None or shutil.which("java") is None:
        pytest.skip(_NEEDED)
    return (gcloud, "emulators", "firestore", "start", f"--host-port={host}")


def _wait_until_ready(host: str, log: Path) -> None:
    """Wait until a first write succeeds, which takes a second or two."""
    deadline_s = time.monotonic() + _READY_WITHIN_S
    while not _writes(host):
        if time.monotonic() > deadline_s:
            end = log.read_text("utf-8", "replace")[-2_000:]
            raise EmulatorFailed(f"The Firestore emulator didn't start. It says:\n{end}")
        time.sleep(_POLL_S)


def _writes(host: str) -> bool:
    path = "/v1/projects/warm-up/databases/(default)/documents/a/b"
    with closing(http.client.HTTPConnection(host, timeout=_READY_WITHIN_S)) as connection:
        try:
            connection.request("PATCH", path, body='{"fields": {}}')
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False

"""The Firestore emulator: Google's own, one for all tests of a process.

It is taken from FIRESTORE_EMULATOR_HOST if that is set, else started by gcloud. Data of different
projects never meet, so each test takes a project of its own.
"""

import http.client
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from ops.processes import free_port

VARIABLE = "FIRESTORE_EMULATOR_HOST"
_READY_WITHIN_S = 45.0
_STOPS_WITHIN_S = 5.0
_POLL_S = 0.1
_INSTALL = (
    f"Start one and set {VARIABLE}, or install it: https://cloud.google.com/sdk/docs/install, then"
    " `gcloud components install cloud-firestore-emulator`, and Java 11 or newer."
)


class EmulatorFailed(Exception):
    """The emulator did not start; the message has the end of what it wrote."""


class Emulator:
    """One emulator on a port of its own, which it keeps when it is started again."""

    def __init__(self) -> None:
        self.host = f"127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it has carried out a first write, which takes a second or two."""
        gcloud = shutil.which("gcloud")
        if gcloud is None or shutil.which("java") is None:
            pytest.skip(f"the Firestore emulator is not installed. {_INSTALL}")
        with tempfile.NamedTemporaryFile(prefix="firestore-emulator-") as log:
            self._process = subprocess.Popen(
                [gcloud, "emulators", "firestore", "start", f"--host-port={self.host}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            deadline_s = time.monotonic() + _READY_WITHIN_S
            while not self._writes():
                if self._process.poll() is not None or time.monotonic() > deadline_s:
                    written = Path(log.name).read_text("utf-8", "replace")[-2_000:]
                    raise EmulatorFailed(f"The emulator did not start. {_INSTALL}\n{written}")
                time.sleep(_POLL_S)

    def kill(self) -> None:
        """End it at once: gcloud, its shell and Java, which would survive them, are one group."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(_STOPS_WITHIN_S)

    def _writes(self) -> bool:
        path = "/v1/projects/warm-up/databases/(default)/documents/a/b"
        connection = http.client.HTTPConnection(self.host, timeout=_READY_WITHIN_S)
        with closing(connection):
            try:
                connection.request("PATCH", path, body='{"fields": {}}')
                return connection.getresponse().status == http.HTTPStatus.OK
            except OSError:
                return False


@contextmanager
def running_emulator() -> Iterator[Emulator]:
    """An emulator of the caller's own; skips the test where none is installed."""
    emulator = Emulator()
    try:
        emulator.start()
        yield emulator
    finally:
        emulator.kill()


@pytest.fixture(scope="session")
def emulator_host() -> Iterator[str]:
    """Where the emulator of all tests listens."""
    given = os.environ.get(VARIABLE)
    if given:
        yield given
        return
    with running_emulator() as emulator:
        yield emulator.host


@pytest.fixture
def firestore_project(emulator_host: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project without documents; Google's client finds it by the environment."""
    monkeypatch.setenv(VARIABLE, emulator_host)
    return a_project()


def a_project() -> str:
    """The name of a project that no other test has."""
    return f"test-{uuid.uuid4().hex[:16]}"

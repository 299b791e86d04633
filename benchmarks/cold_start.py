"""Cold starts: from the start of a process to its first answer, beside `python -c pass`.

The machine's caches are warm, as they are not on a platform that fetches an image first: what is
measured is what our imports and our start cost.
"""

import http.client
import os
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.parts import Parts
from benchmarks.results import ColdStart
from devtools.processes import Command, ProcessFailed, python
from devtools.stack import inherited

BASELINE = "python -c pass"

_ANSWER_WITHIN_S = 60.0
_POLL_S = 0.002
_STOP_WITHIN_S = 12.0


@dataclass(frozen=True, slots=True)
class FirstRequest:
    method: str = "GET"
    path: str = "/"
    form: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def measure(run: int) -> list[ColdStart]:
    """Each part once, in a process and with a store of its own. Raises ProcessFailed."""
    return [ColdStart(BASELINE, run, _baseline_s()), *(_starts(run))]


def time_to_answer_s(command: Command, request: FirstRequest, log_path: Path) -> float:
    """From the start of the process to the end of its first answer. Raises ProcessFailed."""
    port = int(command.url.rpartition(":")[2])
    begin_s = time.perf_counter()
    with _process(command, log_path) as process:
        while time.perf_counter() - begin_s < _ANSWER_WITHIN_S:
            status = _status(port, request)
            if status is not None and status < http.client.INTERNAL_SERVER_ERROR:
                return time.perf_counter() - begin_s
            if process.poll() is not None:
                break
            time.sleep(_POLL_S)
    raise ProcessFailed(
        f"{command.name} did not answer. Its log ends:\n{log_path.read_text('utf-8')[-2000:]}"
    )


def _starts(run: int) -> Iterator[ColdStart]:
    for name in ("stream_handler", "incoming_call", "lookup_account"):
        with tempfile.TemporaryDirectory(prefix="ringdown-bench-") as folder:
            parts = Parts(Path(folder), inherited(os.environ))
            command, request = _start_of(name, parts)
            log_path = Path(folder) / f"{name}.log"
            yield ColdStart(name, run, time_to_answer_s(command, request, log_path))


def _start_of(name: str, parts: Parts) -> tuple[Command, FirstRequest]:
    if name == "stream_handler":
        return parts.stream_handler(), FirstRequest(path="/ready")
    if name == "incoming_call":
        form, headers = parts.ringing(0)
        return parts.incoming_call(), FirstRequest("POST", "/", form, headers)
    return parts.lookup_account(), FirstRequest()


def _baseline_s() -> float:
    begin_s = time.perf_counter()
    subprocess.run((python(), "-c", "pass"), check=True, timeout=_ANSWER_WITHIN_S)  # noqa: S603
    return time.perf_counter() - begin_s


@contextmanager
def _process(command: Command, log_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log_path.open("wb") as log_file:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command.argv, env=command.environ, stdout=log_file, stderr=log_file
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _status(port: int, request: FirstRequest) -> int | None:
    """None while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_WITHIN_S)
    body = urllib.parse.urlencode(request.form)
    headers = {"Content-Type": "application/x-www-form-urlencoded", **request.headers}
    try:
        connection.request(request.method, request.path, body, headers)
        response = connection.getresponse()
        response.read()
    except OSError:
        return None
    else:
        return response.status
    finally:
        connection.close()

"""The webhook as the platform runs it: as a process."""

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
from twilio.request_validator import RequestValidator

from tests.functions.incoming_call.conftest import Environ
from tests.functions.incoming_call.stand_ins import AUTH_TOKEN, HandlerStandIn, a_form, twiml
from tests.functions.loading import FUNCTIONS


def command(port: int) -> list[str]:
    source = FUNCTIONS / "incoming_call" / "main.py"
    framework = Path(sys.executable).with_name("functions-framework")
    return [
        *(str(framework), "--target", "incoming_call", "--source", str(source)),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextlib.contextmanager
def started(port: int, environ: Environ) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command(port),
        env={"PYTHONPATH": str(FUNCTIONS.parent / "shared"), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_process_answers_and_ends_without_noise(
    environ: Environ, handler: HandlerStandIn
) -> None:
    port = free_port()
    public_url = f"http://127.0.0.1:{port}"
    signature = RequestValidator(AUTH_TOKEN).compute_signature(public_url, a_form())
    patient = httpx2.HTTPTransport(retries=6)  # until it is listening
    with (
        started(port, environ | {"PUBLIC_URL": public_url}) as process,
        httpx2.Client(transport=patient) as client,
    ):
        headers = {"X-Twilio-Signature": signature}
        twiml(client.post(public_url, data=a_form(), headers=headers))
        process.terminate()
        output, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")
    assert "call answered" in output


def test_a_process_without_settings_says_what_to_set_and_nothing_else() -> None:
    finished = subprocess.run(
        command(free_port()),
        env={"PYTHONPATH": str(FUNCTIONS.parent / "shared")},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr.startswith("Ringdown can't start:\n  PUBLIC_URL is not set. ")
    assert "Traceback" not in finished.stderr

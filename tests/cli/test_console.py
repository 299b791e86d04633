"""`ringdown console`, as a separate process."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from ringdown_cli.console import HOST
from tests.cli.command_line import CommandLine
from tests.console.stored import furnish, sid


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    command_line = CommandLine(tmp_path)
    command_line.with_store(furnish)
    return command_line


@contextmanager
def started(command_line: CommandLine, *more: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The console's URL, and its process."""
    environ = {"PATH": os.environ["PATH"], "STORE_URL": command_line.store_url}
    argv = (sys.executable, "-u", "-m", "ringdown_cli", "console", *more)
    with subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = next(line for line in process.stdout if "http://" in line)
        try:
            yield said.split()[-1], process
        finally:
            process.send_signal(signal.SIGINT)


def test_the_pages_are_there_until_ctrl_c(command_line: CommandLine) -> None:
    with started(command_line, "--port", "0") as (url, process):
        home, call = httpx2.get(url), httpx2.get(f"{url}calls/{sid(1)}")

    assert (home.status_code, call.status_code) == (200, 200)
    assert "Needs you" in home.text or "All is well" in home.text
    assert process.returncode == 130


def test_only_this_machine_s_own_pages_may_change_something(command_line: CommandLine) -> None:
    with started(command_line, "--port", "0") as (url, _):
        form = {"number": "+14155550123"}
        other = {"Origin": "https://x.example"}
        elsewhere = httpx2.post(f"{url}callers/block", data=form, headers=other)
        renamed = httpx2.get(url, headers={"Host": "x.example"})
        own = httpx2.post(f"{url}callers/block", data=form, headers={"Origin": url.rstrip("/")})

    assert (elsewhere.status_code, renamed.status_code, own.status_code) == (403, 403, 303)


def test_a_port_that_is_taken_is_told(command_line: CommandLine) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        ran = command_line.run("console", "--port", str(port))

    assert ran.status == 1
    assert f"Can't listen on port {port}" in ran.complained
    assert "ringdown console --port 0" in ran.complained

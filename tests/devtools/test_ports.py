"""Finds out which process holds a port, and reports it."""

import os
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.ports import HOST, is_held_by_others, listen, port_holder
from devtools.processes import Command, ProcessFailed, SupervisedProcess, free_port
from ringdown_cli.command import CannotGoOn
from tests.http_server import Requests, serving

linux = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux's /proc")


@pytest.fixture(params=[(HOST, socket.AF_INET), ("", socket.AF_INET), ("::", socket.AF_INET6)])
def taken_port(request: pytest.FixtureRequest) -> Iterator[int]:
    address, family = request.param
    with socket.create_server((address, 0), family=family, dualstack_ipv6=address == "::") as held:
        yield held.getsockname()[1]


@linux
def test_the_program_that_holds_a_port_is_named(taken_port: int) -> None:
    assert port_holder(taken_port) == os.getpid()
    with pytest.raises(CannotGoOn) as refused:
        listen(taken_port, variable="WEBHOOK_PORT")
    assert re.fullmatch(
        rf"Port {taken_port} is in use by another program \(.+, pid {os.getpid()}\)\.\n"
        "Stop it, or choose another port with WEBHOOK_PORT=…",
        str(refused.value),
    )


@linux
def test_ours_and_others(taken_port: int) -> None:
    assert not is_held_by_others(taken_port, os.getpgid(0))
    assert is_held_by_others(taken_port, group=1)
    assert not is_held_by_others(free_port(), group=1)


class Answering(Requests):
    def do_GET(self) -> None:
        self.reply(200)


@linux
async def test_another_programs_answer_does_not_make_a_process_healthy(tmp_path: Path) -> None:
    with serving(Answering) as url:
        waiting = (sys.executable, "-c", "import signal; signal.pause()")
        process = SupervisedProcess(Command("handler", waiting, {}, url), tmp_path / "handler.log")
        try:
            with pytest.raises(ProcessFailed, match="another program has it"):
                await process.start()
        finally:
            await process.stop()

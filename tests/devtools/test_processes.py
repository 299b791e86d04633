"""A process that dies is restarted, and given up after three failures."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from devtools.processes import Command, ProcessFailed, SupervisedProcess, free_port

SERVER = """
import pathlib, sys
from http.server import HTTPServer, SimpleHTTPRequestHandler
failures = pathlib.Path(sys.argv[2])
if left := int(failures.read_text()):
    failures.write_text(str(left - 1))
    sys.exit("The disk is full.")
HTTPServer(("127.0.0.1", int(sys.argv[1])), SimpleHTTPRequestHandler).serve_forever()
"""


@asynccontextmanager
async def killed(folder: Path, *, failures: int) -> AsyncIterator[SupervisedProcess]:
    """A killed server that fails this many times when it is restarted."""
    port, file = free_port(), folder / "failures"
    file.write_text("0")
    argv = (sys.executable, "-c", SERVER, str(port), str(file))
    command = Command("pages", argv, {}, f"http://127.0.0.1:{port}")
    process = SupervisedProcess(command, folder / "pages.log")
    try:
        await process.start()
        file.write_text(str(failures))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        yield process
    finally:
        await process.stop()


async def test_it_may_fail_twice_as_it_is_started_again(tmp_path: Path) -> None:
    async with killed(tmp_path, failures=2) as process, asyncio.timeout(60):
        keeping = asyncio.create_task(process.keep_running())
        port = int(process.command.url.rpartition(":")[2])
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
            else:
                break
        writer.close()
        assert not keeping.done()
        keeping.cancel()


async def test_after_three_failures_it_is_given_up_with_the_end_of_its_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with killed(tmp_path, failures=3) as process, asyncio.timeout(60):
        with pytest.raises(ProcessFailed) as failed:
            await process.keep_running()
    told = str(failed.value)
    assert told.startswith("pages ended with status 1. Its log, ")
    assert told.count("The disk is full.") == 3
    assert capsys.readouterr().out.count("restarting it") == 3

"""However and whenever a command ends, it leaves nothing behind and doesn't print a traceback.

A command's processes are recognised by their working directory, which is the command's folder.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from devtools.processes import free_port
from devtools.stack import ROOT

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs Linux's /proc"),
]

GONE_WITHIN_S = 5.0
AT_ONCE = ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize(
    ("command", "moment"),
    [
        ("call", AT_ONCE),
        ("call", "Starting"),
        ("call", "phone     answered"),
        ("stack", "Starting"),
        ("stack", "Ready"),
        ("talk", "Starting"),
        ("talk", "Open http"),
    ],
)
async def test_nothing_is_left(
    tmp_path: Path, command: str, moment: str, number: signal.Signals
) -> None:
    process, printed = await started(tmp_path, command, moment)
    os.killpg(process.pid, number)  # the terminal's foreground group
    async with asyncio.timeout(GONE_WITHIN_S):
        rest = await printed.read()
        while processes_in(tmp_path):  # noqa: ASYNC110 - other processes' doing
            await asyncio.sleep(0.02)
        await process.wait()
    assert b"Traceback" not in rest


async def test_a_handler_that_stands_still_does_not_hold_it_up(tmp_path: Path) -> None:
    process, printed = await started(tmp_path, "stack", "Ready")
    frozen = [pid for pid in processes_in(tmp_path) if b"stream_handler" in argv(pid)]
    assert frozen
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    os.killpg(process.pid, signal.SIGINT)
    async with asyncio.timeout(GONE_WITHIN_S):
        await printed.read()
        while processes_in(tmp_path):  # noqa: ASYNC110 - other processes' doing
            await asyncio.sleep(0.02)
        await process.wait()


async def started(
    folder: Path, command: str, moment: str
) -> tuple[asyncio.subprocess.Process, asyncio.StreamReader]:
    """Start a command the way make does, and wait until it has printed `moment`."""
    names = ("PATH", "HOME", "LANG")
    ports = {name: str(free_port()) for name in ("TALK_PORT", "WEBHOOK_PORT", "STREAM_PORT")}
    endpoint = {"GEMINI_BASE_URL": "https://127.0.0.1:9"} if command == "stack" else {}
    process = await asyncio.create_subprocess_exec(
        *(ROOT / "scripts" / "run", sys.executable, "-m", "devtools", command),
        cwd=folder,
        env={
            **{name: os.environ[name] for name in names if name in os.environ},
            **ports,
            **endpoint,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    if moment:
        async for line in process.stdout:
            if moment.encode() in line:
                break
        else:
            pytest.fail(f"{command} ended before {moment!r}")
    return process, process.stdout


def processes_in(folder: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and Path(os.readlink(entry / "cwd")) == folder:
                found.append(int(entry.name))
    return found


def argv(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""

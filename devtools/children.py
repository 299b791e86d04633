"""Starts child processes that never outlive this one, however it ends.

Each child leads its own process group, so Ctrl-C in the terminal reaches only us, and we stop the
children in order. If we are killed before that, a guard process ends them.
"""

import asyncio
import atexit
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from devtools import child_guard


async def start_child(
    argv: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
    stdin: int = asyncio.subprocess.DEVNULL,
    stdout: int | IO[bytes],
    stderr: int | IO[bytes],
) -> asyncio.subprocess.Process:
    """Start a program in a new process group; call `child_ended` once it has ended."""
    async with _guard.turn():  # so that a child is watched almost immediately
        _guard.start()
        process = await asyncio.create_subprocess_exec(
            *argv,
            env=None if environ is None else dict(environ),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        _guard.watch(process.pid)
    return process


async def stop_child(process: asyncio.subprocess.Process, *, within_s: float) -> None:
    """Send SIGTERM, and kill the process if it hasn't ended after `within_s`."""
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(within_s):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
    child_ended(process)


def child_ended(process: asyncio.subprocess.Process) -> None:
    """Kill what an ended child has left running in its group, and stop watching it."""
    if _guard.forget(process.pid):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


class _Guard:
    """The guard process, which starts with the first child and ends with us."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._watched: set[int] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn = asyncio.Lock()

    def start(self) -> None:
        if self._process is None:
            self._process = subprocess.Popen(
                # Without the environment and site-packages it starts in a few milliseconds.
                [sys.executable, "-I", "-S", str(Path(child_guard.__file__))],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                bufsize=0,
            )
            atexit.register(self._process.communicate)

    def turn(self) -> asyncio.Lock:
        """A lock to hold while starting a child; one per event loop."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._turn = loop, asyncio.Lock()
        return self._turn

    def watch(self, pid: int) -> None:
        self._watched.add(pid)
        self._tell(f"{child_guard.WATCH}{pid}\n")

    def forget(self, pid: int) -> bool:
        """Stop watching a process. Returns whether it was watched."""
        if pid not in self._watched:
            return False
        self._watched.remove(pid)
        self._tell(f"{child_guard.FORGET}{pid}\n")
        return True

    def _tell(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):  # someone has killed the guard
                self._process.stdin.write(line.encode())


_guard = _Guard()

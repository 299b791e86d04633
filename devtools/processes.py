"""Runs deployables the way the platform does: as processes that are restarted when they die."""

import asyncio
import functools
import itertools
import os
import secrets
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2

from devtools.children import child_ended, start_child, stop_child
from devtools.ports import is_held_by_others
from ringdown_cli.terminal import print_line

HEALTHY_WITHIN_S = 60.0
_STOP_WITHIN_S = 12.0  # Cloud Run's ten seconds, plus a margin
_POLL_S = 0.1
_PORTS = range(20_000, 32_000)
_SHARES = 64
_RESTART_PAUSE_S = 0.5
_MOST_FAILURES = 3
_TAIL_LINES = 15
_ALIVE_EVERY_S = 2.0
_ALIVE_WITHIN_S = 2.0
_NOT_ALIVE_TIMES = 2  # a process that hangs for 3 s is left alone; one that hangs for 6 s never is


class ProcessFailed(Exception):
    """A process didn't become healthy; the message shows the end of its log."""


@dataclass(frozen=True, slots=True)
class Command:
    """How to start a process, and where to check its health."""

    name: str
    argv: Sequence[str]
    environ: Mapping[str, str]
    url: str
    health_path: str = "/"
    must_stay_alive: bool = False
    """Kill the process when its health path stops answering, like Cloud Run's liveness probe."""


class SupervisedProcess:
    """Starts a process, waits until it is healthy, restarts it when it dies, and stops it."""

    def __init__(self, command: Command, log_path: Path) -> None:
        self.command = command
        self._log_path = log_path
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Start, and wait until healthy; raises ProcessFailed."""
        with self._log_path.open("ab") as log_file:
            self._process = await start_child(
                self.command.argv, environ=self.command.environ, stdout=log_file, stderr=log_file
            )
        try:
            async with asyncio.timeout(HEALTHY_WITHIN_S):
                await self._until_healthy(self._process)
        except TimeoutError:
            raise self._failure(f"isn't healthy after {HEALTHY_WITHIN_S:g} s") from None

    async def keep_running(self) -> None:
        """Restart the process whenever it dies, until `stop()`.

        Raises ProcessFailed if it dies several times in a row without becoming healthy.
        """
        failures = 0
        while self._process is not None:
            code = await self._until_ended(self._process)
            if self._stopping:
                return
            child_ended(self._process)
            say(f"{self.command.name} ended with status {code}; restarting it")
            await asyncio.sleep(_RESTART_PAUSE_S)
            try:
                await self.start()
                failures = 0
            except ProcessFailed:
                failures += 1
                if failures == _MOST_FAILURES:
                    raise

    async def stop(self) -> None:
        """Ask the process to end, and kill it after Cloud Run's grace period."""
        self._stopping = True
        if self._process is not None:
            await stop_child(self._process, within_s=_STOP_WITHIN_S)

    async def _until_ended(self, process: asyncio.subprocess.Process) -> int:
        if not self.command.must_stay_alive:
            return await process.wait()
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(self._kill_when_not_alive(process))
            code = await process.wait()
            looking.cancel()
        return code

    async def _kill_when_not_alive(self, process: asyncio.subprocess.Process) -> None:
        url, failures = self.command.url + self.command.health_path, 0
        async with httpx2.AsyncClient(trust_env=False, timeout=_ALIVE_WITHIN_S) as http:
            while failures < _NOT_ALIVE_TIMES:
                await asyncio.sleep(_ALIVE_EVERY_S)
                try:
                    await http.get(url)
                    failures = 0
                except httpx2.TimeoutException:
                    failures += 1
                except httpx2.TransportError:
                    failures = 0  # it is being started or stopped
        say(f"{self.command.name} has stopped answering; killing it")
        process.kill()

    async def _until_healthy(self, process: asyncio.subprocess.Process) -> None:
        url = self.command.url + self.command.health_path
        async with httpx2.AsyncClient(trust_env=False) as http:
            while True:
                if process.returncode is not None:
                    raise self._failure(f"ended with status {process.returncode}")
                try:
                    response = await http.get(url, timeout=2.0)
                except httpx2.TransportError:
                    await asyncio.sleep(_POLL_S)
                    continue
                if is_held_by_others(_port(self.command.url), process.pid):
                    raise self._failure(f"can't use {self.command.url}: another program has it")
                if response.status_code < 500:
                    return
                await asyncio.sleep(_POLL_S)

    def _failure(self, what: str) -> ProcessFailed:
        lines = self._log_path.read_text("utf-8", "replace").splitlines()[-_TAIL_LINES:]
        tail = "\n".join(f"    {line}" for line in lines)
        return ProcessFailed(
            f"{self.command.name} {what}. Its log, {self._log_path}, ends:\n{tail}"
        )


def free_port() -> int:
    """Return a free TCP port on the loopback interface.

    It is outside the range of outgoing connections (on Linux from 32,768), one of which could take
    it before the listener has started. Processes that search at the same time try different ports.
    """
    for port in _ports_of(os.getpid()):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("a cycle has no end")


@functools.cache
def _ports_of(pid: int) -> Iterator[int]:
    """Yield every 64th port from a random start; a port repeats only after 186 others."""
    ports = _PORTS[pid % _SHARES :: _SHARES]
    start = secrets.randbelow(len(ports))
    return itertools.cycle((*ports[start:], *ports[:start]))


def say(text: str) -> None:
    """Print a line to the terminal, and flush."""
    print_line(text, sys.stdout)


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


def python() -> str:
    return sys.executable

"""The CPU time and memory that processes use, and the cores they are pinned to. Linux only."""

import ctypes
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_NICENESS = -20
_BYTES_PER_MB = 1024 * 1024
_IDLE_COLUMNS = (3, 4)  # idle, and waiting for I/O


class TargetDied(Exception):
    """A process being measured has ended."""


@dataclass(frozen=True, slots=True)
class Pins:
    """The target's core and the rig's."""

    target: int
    rig: int

    def command(self, *argv: str) -> tuple[str, ...]:
        """Pin `argv`, with all its threads, to the target's core from its first instruction on."""
        return ("taskset", "--cpu-list", str(self.target), *argv)


def find_pins() -> Pins | None:
    """Choose two of the cores that this process may use; None if there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    return Pins(target=cores[0], rig=cores[1]) if len(cores) > 1 else None


@contextmanager
def kept_to_rig_core(pins: Pins | None) -> Iterator[None]:
    """Pin this process and its children, except the target, to the rig's core for a while."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before if pins is None else {pins.rig})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def prefer_us() -> bool:
    """Run this process, and everything it starts, ahead of all others; False if not permitted.

    Target and rig keep the same priority, so only the noise changes.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
    except PermissionError:
        return False
    return True


def cpu_s(pids: Iterable[int]) -> float:
    """Return the CPU time of the processes, with all threads, to the nanosecond.

    Raises TargetDied.
    """
    return sum(_run_s(pid) for pid in pids)


def resident_mb(pids: Iterable[int]) -> float:
    """Return the resident memory; shared pages count for each process. Raises TargetDied."""
    return sum(_resident_bytes(pid) for pid in pids) / _BYTES_PER_MB


def busy_s(pins: Pins | None) -> float:
    """Return how long the two cores (without pins: all cores) have been busy, to 10 ms."""
    names = None if pins is None else {f"cpu{pins.target}", f"cpu{pins.rig}"}
    return busy_in(Path("/proc/stat").read_text("ascii"), names) / os.sysconf("SC_CLK_TCK")


def busy_in(stat: str, names: set[str] | None) -> int:
    """Count the ticks in which the named cores, or all, weren't idle; see proc_stat(5)."""
    lines = (line.split() for line in stat.splitlines() if line.startswith("cpu"))
    wanted = (fields for fields in lines if fields[0] in (names or {"cpu"}))
    return sum(
        int(ticks)
        for fields in wanted
        for column, ticks in enumerate(fields[1:9])
        if column not in _IDLE_COLUMNS
    )


def _run_s(pid: int) -> float:
    clock = ctypes.c_int()
    error: int = ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock))
    if error:
        raise TargetDied(f"process {pid} is not running")
    return time.clock_gettime(clock.value)


def _resident_bytes(pid: int) -> int:
    try:
        pages = Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]
    except (FileNotFoundError, ProcessLookupError):
        raise TargetDied(f"process {pid} is not running") from None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")

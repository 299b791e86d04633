"""What processes use of a core and of memory, and the cores that they are kept to. Linux only."""

import ctypes
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_NICENESS = -20
_BYTES_PER_MB = 1024 * 1024
_IDLE_COLUMNS = (3, 4)  # idle, and waiting for a disk


class TargetDied(Exception):
    """A process that was to be measured has ended."""


@dataclass(frozen=True, slots=True)
class Pins:
    """What is measured has one core, what measures it another."""

    target: int
    rig: int

    def command(self, *argv: str) -> tuple[str, ...]:
        """`argv`, kept to the target's core from its first instruction on, threads and all."""
        return ("taskset", "--cpu-list", str(self.target), *argv)


def find_pins() -> Pins | None:
    """Two of the cores that this process may use; None if there is only one."""
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
    """Let this process, and all that it starts, run before everybody else's; False if we may not.

    What is measured and what measures it stay equals, so nothing changes but the noise.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
    except PermissionError:
        return False
    return True


def cpu_s(pids: Iterable[int]) -> float:
    """How long processes have run, all threads, to the nanosecond. Raises TargetDied."""
    return sum(_run_s(pid) for pid in pids)


def resident_mb(pids: Iterable[int]) -> float:
    """Resident memory; pages that processes share count for each. Raises TargetDied."""
    return sum(_resident_bytes(pid) for pid in pids) / _BYTES_PER_MB


def busy_s(pins: Pins | None) -> float:
    """How long the two cores (without pins: all) have worked for anybody, to 10 ms."""
    names = None if pins is None else {f"cpu{pins.target}", f"cpu{pins.rig}"}
    return busy_in(Path("/proc/stat").read_text("ascii"), names) / os.sysconf("SC_CLK_TCK")


def busy_in(stat: str, names: set[str] | None) -> int:
    """Ticks that the named cores, or all, were not idle; proc_stat(5) says what the columns are."""
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

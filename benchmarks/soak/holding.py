"""What a process holds when no call is in hand: memory, descriptors, tasks. Linux only."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.rig.usage import resident_mb

IDLE = "no stream in hand"
MOST_MB = 8.0
"""Of growth from the second quarter of a run to its last: allocators keep a little in reserve."""
MOST_DESCRIPTORS = 2
_FEWEST = 8
_LOG_TAIL_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class Held:
    """One process at one moment. `tasks` is None for one that does not tell."""

    at_s: float
    calls: int
    """How many had been made by then."""
    process: str
    pid: int
    memory_mb: float
    descriptors: int
    tasks: int | None


class _IdleLine(msgspec.Struct, frozen=True):
    message: str
    tasks: int


def held(at_s: float, calls: int, process: str, pid: int, log: Path) -> Held:
    """Raises TargetDied, or OSError, if the process ends meanwhile."""
    pids = family(pid)
    return Held(
        at_s=at_s,
        calls=calls,
        process=process,
        pid=pid,
        memory_mb=resident_mb(pids),
        descriptors=sum(len(os.listdir(f"/proc/{one}/fd")) for one in pids),
        tasks=tasks_told(_tail(log)),
    )


def family(pid: int) -> list[int]:
    """A process and those that it has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return [pid, *(one for child in children for one in family(int(child)))]


def tasks_told(lines: Sequence[str]) -> int | None:
    """How many tasks a handler had when it last had no stream in hand."""
    for line in reversed(lines):
        if IDLE in line:
            try:
                return msgspec.json.decode(line, type=_IdleLine).tasks
            except msgspec.DecodeError:
                continue
    return None


def _tail(log: Path) -> list[str]:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LOG_TAIL_BYTES))
        return file.read().decode("utf-8", "replace").splitlines()


@dataclass(frozen=True, slots=True)
class Growth:
    """Of one process, from the second quarter of its samples to the last."""

    process: str
    calls: int
    """Made between its first and its last sample."""
    memory_mb: tuple[float, float]
    descriptors: tuple[int, int]
    tasks: tuple[int, int] | None

    @property
    def leaks(self) -> tuple[str, ...]:
        """What has grown by more than it may."""
        found = []
        if self.memory_mb[1] - self.memory_mb[0] > MOST_MB:
            found.append(f"memory: {self.memory_mb[0]:.1f} → {self.memory_mb[1]:.1f} MB")
        if self.descriptors[1] - self.descriptors[0] > MOST_DESCRIPTORS:
            found.append(f"descriptors: {self.descriptors[0]} → {self.descriptors[1]}")
        if self.tasks is not None and self.tasks[1] > self.tasks[0]:
            found.append(f"tasks: {self.tasks[0]} → {self.tasks[1]}")
        return tuple(found)


def growths(samples: Iterable[Held]) -> list[Growth]:
    """Of each process that lived long enough to tell; one that was started again is another."""
    by_process: dict[tuple[str, int], list[Held]] = {}
    for sample in samples:
        by_process.setdefault((sample.process, sample.pid), []).append(sample)
    return [_growth(its) for its in by_process.values() if len(its) >= _FEWEST]


def _growth(samples: Sequence[Held]) -> Growth:
    quarter = len(samples) // 4
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    tasks = None
    if all(sample.tasks is not None for sample in (*early, *late)):
        tasks = _least(s.tasks for s in early), _least(s.tasks for s in late)
    return Growth(
        process=samples[0].process,
        calls=samples[-1].calls - samples[0].calls,
        memory_mb=(median(s.memory_mb for s in early), median(s.memory_mb for s in late)),
        descriptors=(_least(s.descriptors for s in early), _least(s.descriptors for s in late)),
        tasks=tasks,
    )


def _least(counts: Iterable[int | None]) -> int:
    """A descriptor or a task may just be on its way out: what leaks never goes."""
    return min(count for count in counts if count is not None)

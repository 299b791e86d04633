"""Many short calls: no process holds more memory, descriptors or tasks than before.

A handler without calls logs how many tasks it has.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest

from benchmarks.rig.usage import resident_mb
from tests.faults.world import World, running_world

CALLS = int(os.environ.get("LEAK_CALLS", "160"))
AT_ONCE = 10
SETTLED_AFTER_S = 1.5
"""After this time, sockets are closed and records written."""
MOST_MB = 8.0
"""Growth from the second quarter to the last: allocators keep a little in reserve."""
MOST_DESCRIPTORS = 2

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.timeout(60 + CALLS),
    pytest.mark.skipif(sys.platform != "linux", reason="Linux: it reads /proc"),
]


@dataclass(frozen=True, slots=True)
class Held:
    """What a process held between two rounds of calls; `tasks` is None if it doesn't log them."""

    memory_mb: float
    descriptors: int
    tasks: int | None


async def test_short_calls_leave_nothing_behind(tmp_path: Path) -> None:
    samples: dict[str, list[Held]] = {}
    async with running_world(tmp_path, handlers=1) as world:
        for _ in range(CALLS // AT_ONCE):
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(short_call(world))
            await asyncio.sleep(SETTLED_AFTER_S)
            for process in world.stack.processes:
                assert process.pid is not None
                name = process.command.name
                samples.setdefault(name, []).append(held(process.pid, tmp_path / "logs", name))

    assert [f"{name}: {leak}" for name, its in samples.items() for leak in leaks(its)] == []
    assert samples["stream_handler"][-1].tasks is not None, "the handler didn't log its tasks"


async def short_call(world: World) -> None:
    async with world.call() as call:
        await call.agent_speaking_for(0.3)
        await call.hang_up()


def held(pid: int, logs: Path, name: str) -> Held:
    pids = family(pid)
    return Held(
        memory_mb=resident_mb(pids),
        descriptors=sum(len(os.listdir(f"/proc/{one}/fd")) for one in pids),
        tasks=tasks_told((logs / f"{name}.log").read_text("utf-8").splitlines()),
    )


def family(pid: int) -> list[int]:
    """A process and the processes it has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return [pid, *(one for child in children for one in family(int(child)))]


def tasks_told(log: Iterable[str]) -> int | None:
    """How many tasks a handler had when it last had no open streams."""
    told = [line for line in log if "no open streams" in line]
    return int(json.loads(told[-1])["tasks"]) if told else None


def leaks(samples: Sequence[Held]) -> list[str]:
    """Describe what grew more than it may between the second and the last quarter."""
    quarter = len(samples) // 4
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    mb, more_mb = (median(sample.memory_mb for sample in some) for some in (early, late))
    # A descriptor or a task may just be about to go, but a leaked one never does.
    files, more_files = (min(sample.descriptors for sample in some) for some in (early, late))
    tasks, more_tasks = (min(sample.tasks or 0 for sample in some) for some in (early, late))
    found = []
    if more_mb - mb > MOST_MB:
        found.append(f"memory: {mb:.1f} → {more_mb:.1f} MB")
    if more_files - files > MOST_DESCRIPTORS:
        found.append(f"descriptors: {files} → {more_files}")
    if more_tasks > tasks:
        found.append(f"tasks: {tasks} → {more_tasks}")
    return found


@pytest.mark.parametrize(
    ("growing", "leak"),
    [
        ("memory_mb", "memory: 101.0 → 117.0 MB"),
        ("descriptors", "descriptors: 16 → 32"),
        ("tasks", "tasks: 9 → 25"),
    ],
)
def test_what_grows_is_a_leak(growing: str, leak: str) -> None:
    steady = {"memory_mb": 90.0, "descriptors": 8, "tasks": 1}
    samples = [
        Held(**{name: start + (2 * n if name == growing else 0) for name, start in steady.items()})  # type: ignore[arg-type]
        for n in range(16)
    ]

    assert leaks(samples) == [leak]

"""Makes the calls of a soak, and looks at every process between them."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.faults.every import FAULTS
from benchmarks.faults.fault import Fault
from benchmarks.faults.world import World, running_world
from benchmarks.rig.usage import TargetDied
from benchmarks.soak.holding import Held, held
from devtools.processes import say
from simulators.twilio import Call, CallError

_SETTLED_AFTER_S = 1.5
"""Sockets are closed and records written by then."""
_SPOKEN_S = 0.3
_CALLS_IN_A_FAULT = 3


@dataclass(slots=True)
class Run:
    """What was done, and what was seen of it."""

    samples: list[Held] = field(default_factory=list)
    calls: int = 0
    failures: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)


class Soak:
    """Calls in rounds on one world; a sample behind each round, when no call is in hand."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._began_s = time.monotonic()
        self.run = Run()

    @property
    def _passed_s(self) -> float:
        return time.monotonic() - self._began_s

    async def short_calls(self, count: int, at_once: int) -> None:
        """Calls that are hung up as soon as the agent is heard."""
        while self.run.calls < count:
            this_round = min(at_once, count - self.run.calls)
            async with asyncio.TaskGroup() as group:
                for _ in range(this_round):
                    group.create_task(self._short_call())
            await self._sample()
            say(f"{self._passed_s:7.0f} s  {self.run.calls} calls")

    async def faults_at_random(self, for_s: float, seed: int) -> None:
        """One fault after the other, drawn by `seed`, for so long."""
        draw = random.Random(seed)  # noqa: S311 - chance, not secrecy
        faults = [fault for fault in FAULTS if fault.handlers == 1]
        while self._passed_s < for_s:
            fault = draw.choice(faults)
            await self._inject(fault)
            await self._world.all_ready()
            await self._sample()

    async def _short_call(self) -> None:
        try:
            async with self._world.call() as call:
                await _heard(call)
                await call.hang_up()
        except CallError as error:
            self.run.failures.append(f"a short call: {error}")
        self.run.calls += 1

    async def _inject(self, fault: Fault) -> None:
        seen = await fault.inject(self._world, _CALLS_IN_A_FAULT)
        self.run.calls += len(seen)
        self.run.faults[fault.name] += 1
        problems = fault.problems(seen)
        self.run.failures += [f"{fault.name}: {problem}" for problem in problems]
        say(f"{self._passed_s:7.0f} s  {fault.name}{'' if not problems else f'  ✗ {problems[0]}'}")

    async def _sample(self) -> None:
        await asyncio.sleep(_SETTLED_AFTER_S)
        for process in self._world.stack.processes:
            name, pid = process.command.name, process.pid
            log = self._world.folder / "logs" / f"{name}.log"
            if pid is not None:
                try:
                    self.run.samples.append(held(self._passed_s, self.run.calls, name, pid, log))
                except (TargetDied, OSError):
                    continue  # it has just ended, as a fault wanted it to


async def _heard(call: Call) -> None:
    await call.agent_speaking_for(_SPOKEN_S)


@asynccontextmanager
async def soaking(folder: Path) -> AsyncIterator[Soak]:
    async with running_world(folder, handlers=1) as world:
        yield Soak(world)

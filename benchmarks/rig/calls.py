"""Places calls to a target one by one, each with its model session, and hangs them up."""

import asyncio
import ssl
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import trustme
from picows import WSError

from benchmarks.rig.accounting import CallLog
from benchmarks.rig.caller import Caller, Frame, caller_frames, connected
from benchmarks.rig.model import Line, ModelEndpoint, serving, speech_for
from benchmarks.rig.schedule import Schedule
from benchmarks.rig.usage import Pins
from benchmarks.targets import CallRefused, RunningTarget, Surroundings, Target
from simulators.twilio.stream_messages import FRAME_MS

_FRAME_S = FRAME_MS / 1000
_UP_WITHIN_S = 10.0
_ALL_UP_WITHIN_S = 60.0
_DOWN_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Rig:
    """Both ends of every call, and what is noted about them."""

    target: RunningTarget
    model: ModelEndpoint
    schedule: Schedule
    frames: tuple[Frame, ...]
    calls: list[CallLog] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)

    async def place(self, count: int, starts_per_s: float) -> None:
        """Start `count` calls, spread over the 20 ms of a frame.

        They are set up one at a time, so that each model session is known to belong to its call. If
        that takes a target more than a minute, it gets no further calls.
        """
        begin_s = time.perf_counter()
        for n in range(count):
            await asyncio.sleep(begin_s + n / starts_per_s - time.perf_counter())
            call = CallLog()
            self.calls.append(call)
            if time.perf_counter() - begin_s > _ALL_UP_WITHIN_S:
                call.fail("the target took too long for the earlier calls")
                continue
            try:
                async with asyncio.timeout(_UP_WITHIN_S):
                    await self._place_one(n, call, begin_s + n / count * _FRAME_S)
            except (OSError, TimeoutError, WSError, CallRefused, httpx2.HTTPError) as error:
                call.fail(f"{type(error).__name__}: {error}")

    async def _place_one(self, number: int, call: CallLog, clock_s: float) -> None:
        """Place one call, which sends its frames at `clock_s` plus multiples of 20 ms."""
        route = await self.target.announce()
        caller = Caller(call, route.identity, self.frames, self.schedule)
        await connected(caller, route.url, route.headers)
        self.callers.append(caller)
        with self.model.expecting(number, call) as opened:
            passed = (time.perf_counter() - clock_s) // _FRAME_S + 1
            caller.start(clock_s + passed * _FRAME_S)
            try:
                await opened.wait()
            except asyncio.CancelledError:  # too late: the next call mustn't get its session
                caller.abandon()
                raise

    async def end(self, count: int, within_s: float) -> None:
        """Hang up the latest calls, one by one."""
        for _ in range(count):
            await asyncio.sleep(within_s / count)
            if self.callers:
                await self.callers.pop().hang_up()

    async def hang_up(self) -> None:
        """End all calls as Twilio does; close those whose peer doesn't."""
        self.model.hush()
        callers = self.callers.copy()
        self.callers.clear()
        try:
            async with asyncio.timeout(_DOWN_WITHIN_S):
                await asyncio.gather(*(caller.hang_up() for caller in callers))
        except TimeoutError:
            for caller in callers:
                caller.abandon()


@asynccontextmanager
async def running(target: Target, calls: int, pins: Pins | None) -> AsyncIterator[Rig]:
    """Run a target in separate processes, with a rig ready for `calls` parallel calls.

    Raises devtools.processes.ProcessFailed.
    """
    schedule = Schedule()
    line = Line(target.wire, target.greets_at_once, schedule, speech_for(target.wire))
    endpoint = ModelEndpoint(line)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ringdown-bench-")))
        ca_file = folder / "ca.pem"
        port = await stack.enter_async_context(serving(endpoint, _tls(ca_file)))
        around = Surroundings(f"https://127.0.0.1:{port}", ca_file, folder, calls, pins)
        rig = Rig(
            await stack.enter_async_context(target.running(around)),
            endpoint,
            schedule,
            caller_frames(),
        )
        stack.callback(schedule.close)
        stack.push_async_callback(rig.hang_up)
        yield rig


def _tls(ca_file: Path) -> ssl.SSLContext:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(ca_file))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    return tls

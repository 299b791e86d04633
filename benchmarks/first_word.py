"""Measures dial to first word, part by part: cold, as on a quiet night, and warm.

A platform without instances starts one when a request arrives, and holds the request until the
instance listens. `Door` does the same with the deployed processes: the first call finds none
of them running, the second finds all of them.
"""

import asyncio
import datetime
import io
import json
import time
import wave
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx2

from benchmarks.results import FirstSecond, FirstWord
from benchmarks.rig import accounting
from benchmarks.rig.accounting import CallLog
from benchmarks.rig.caller import Caller, connected
from benchmarks.rig.calls import Rig, running
from benchmarks.rig.usage import Pins
from benchmarks.targets import ONCE, Ringdown
from devtools.processes import Command, ProcessFailed, free_port
from ringdown.tools import Json

_LISTENS_WITHIN_S = 30.0
_CALL_WITHIN_S = 40.0
_SPEAKS_S = 1.0
_RECORDED_S = 1.0  # by then, the previous call has been recorded
_STOP_WITHIN_S = 12.0
_POLL_S = 0.002
_PIECE_BYTES = 64 * 1024
_HOST = "127.0.0.1"


def measure(run: int, pins: Pins | None) -> list[FirstWord]:
    """Measure one cold call and one warm one. Raises devtools.processes.ProcessFailed."""
    return asyncio.run(_measured(run, pins))


def measure_clips(run: int, pins: Pins | None) -> list[FirstSecond]:
    """Like `measure`, but with clips: for an agent with a notice, and for one without."""
    both = (asyncio.run(_measured_clips(run, pins, agent)) for agent in ({}, {"notice": ""}))
    return [second for seconds in both for second in seconds]


async def _measured(run: int, pins: Pins | None) -> list[FirstWord]:
    doors: dict[str, Door] = {}
    target = Ringdown(started=partial(_on_demand, doors))
    async with running(target, 2, pins) as rig:
        handler, webhook = doors[target.name], doors["incoming_call"]
        return [
            await _call(rig, run, handler, webhook, cold=True),
            await _call(rig, run, handler, webhook, cold=False),
        ]


async def _measured_clips(
    run: int, pins: Pins | None, agent: Mapping[str, Json]
) -> list[FirstSecond]:
    doors: dict[str, Door] = {}
    target = Ringdown(started=partial(_on_demand, doors), agent=agent, clips=True)
    async with (
        httpx2.AsyncClient(trust_env=False, headers=ONCE) as http,  # takes 100 ms to make
        running(target, 2, pins) as rig,
    ):
        return [
            await _call_with_clips(rig, run, doors[target.name], http, cold=cold)
            for cold in (True, False)
        ]


@asynccontextmanager
async def _on_demand(
    doors: dict[str, "Door"], command: Command, folder: Path
) -> AsyncIterator[int]:
    door = doors[command.name] = Door(command, folder / f"{command.name}.log")
    async with door.open():
        yield 0


async def _call_with_clips(
    rig: Rig, run: int, handler: "Door", http: httpx2.AsyncClient, *, cold: bool
) -> FirstSecond:
    """Place a call as Twilio does: first play the notice, then open the stream."""
    call = CallLog()
    dialled_s = time.perf_counter()
    notice_s = notice_over_s = None
    try:
        async with asyncio.timeout(_CALL_WITHIN_S):
            route = await rig.target.announce()
            answered_s = time.perf_counter()
            if route.notice_url is not None:
                length_s = await _fetched_s(http, route.notice_url)
                notice_s = time.perf_counter()
                notice_over_s = notice_s + length_s
                await asyncio.sleep(length_s)
            await handler.listens()
            caller = Caller(call, route.identity, rig.frames, rig.schedule)
            with rig.model.expecting(0, call) as opened:
                await connected(caller, route.url, route.headers)
                caller.start(time.perf_counter())
                await opened.wait()
                await asyncio.sleep(_SPEAKS_S)
        await caller.hang_up()
        await asyncio.sleep(_RECORDED_S)
    except TimeoutError:
        raise ProcessFailed(f"The first word did not come within {_CALL_WITHIN_S:g} s.") from None
    heard_s = call.sound_s
    if heard_s is None or call.asked_s is not None:
        raise ProcessFailed(
            f"No clip was played: {call.failure or 'the model was asked to greet'}."
        )

    def ms(from_s: float, to_s: float) -> float:
        return (to_s - from_s) * 1_000

    return FirstSecond(
        run=run,
        cold=cold,
        notice=None if notice_s is None else ms(dialled_s, notice_s),
        word_after_notice=None if notice_over_s is None else ms(notice_over_s, heard_s),
        word=ms(answered_s, heard_s),
    )


async def _fetched_s(http: httpx2.AsyncClient, url: str) -> float:
    """Fetch a sound, and return its length."""
    response = await http.get(url, timeout=_CALL_WITHIN_S)
    with wave.open(io.BytesIO(response.raise_for_status().content)) as sound:
        return float(sound.getnframes() / sound.getframerate())


async def _call(rig: Rig, run: int, handler: "Door", webhook: "Door", *, cold: bool) -> FirstWord:
    call = CallLog()
    dialled_s = time.perf_counter()
    try:
        async with asyncio.timeout(_CALL_WITHIN_S):
            route = await rig.target.announce()
            answered_s = time.perf_counter()
            await handler.listens()
            caller = Caller(call, route.identity, rig.frames, rig.schedule)
            with rig.model.expecting(0, call) as opened:
                await connected(caller, route.url, route.headers)
                caller.start(time.perf_counter())
                await opened.wait()
                set_up_s = time.perf_counter()
                await asyncio.sleep(_SPEAKS_S)
        await caller.hang_up()
        await asyncio.sleep(_RECORDED_S)
    except TimeoutError:
        raise ProcessFailed(f"The first word did not come within {_CALL_WITHIN_S:g} s.") from None
    first_audio_ms = accounting.first_audio_ms(call)
    if call.started_s is None or call.asked_s is None or first_audio_ms is None:
        raise ProcessFailed(f"The call failed: {call.failure or 'nothing was heard'}.")

    def ms(at_s: float) -> float:
        return max(at_s - dialled_s, 0.0) * 1_000

    return FirstWord(
        run=run,
        cold=cold,
        webhook_up=ms(webhook.up_s),
        handler_asked=ms(handler.asked_s),
        answered=ms(answered_s),
        handler_up=ms(handler.up_s),
        streaming=ms(call.started_s),
        admitted=ms(handler.logged_s("call admitted", route.identity.call_sid)),
        model_set_up=ms(set_up_s),
        model_asked=ms(call.asked_s),
        heard=ms(call.started_s) + first_audio_ms,
    )


class Door:
    """An address with a process behind it, which is started by the first connection."""

    def __init__(self, command: Command, log_path: Path) -> None:
        self._command = command
        self._log_path = log_path
        self._port = int(command.url.rpartition(":")[2])
        self._behind = free_port()
        self._process: asyncio.subprocess.Process | None = None
        self._started: asyncio.Task[None] | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.asked_s = 0.0
        """When the first connection came."""
        self.up_s = 0.0
        """When the process began to listen."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._connected, _HOST, self._port)
        try:
            yield
        finally:
            server.close()
            for task in tuple(self._connections):
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            await self._stop()

    async def listens(self) -> None:
        """Wait until the process is up. Raises TimeoutError."""
        if self._started is None:
            raise ProcessFailed(f"{self._command.name} was never requested.")
        await self._started

    def logged_s(self, message: str, call_sid: str) -> float:
        """Find when the process logged this about the call, by this process's clock."""
        ahead_s = time.time() - time.perf_counter()
        for text in self._log_path.read_text("utf-8").splitlines():
            line = json.loads(text) if text.startswith("{") else {}
            if line.get("message") == message and line.get("call_sid") == call_sid:
                return datetime.datetime.fromisoformat(line["time"]).timestamp() - ahead_s
        raise ProcessFailed(f"{self._command.name} did not log {message!r} for the call.")

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._started is None:
            self.asked_s = time.perf_counter()
            self._started = asyncio.create_task(self._start())
        task = asyncio.create_task(self._carry(self._started, reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _start(self) -> None:
        ports = {str(self._port): str(self._behind)}
        environ = dict(self._command.environ)
        if "PORT" in environ:
            environ["PORT"] = ports[environ["PORT"]]
        with self._log_path.open("ab") as log_file:
            self._process = await asyncio.create_subprocess_exec(
                *(ports.get(part, part) for part in self._command.argv),
                env=environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
            )
        async with asyncio.timeout(_LISTENS_WITHIN_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection(_HOST, self._behind)
                except OSError:
                    await asyncio.sleep(_POLL_S)
                else:
                    self.up_s = time.perf_counter()
                    writer.close()
                    return

    async def _carry(
        self,
        started: asyncio.Task[None],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        try:
            await asyncio.shield(started)
            from_process, to_process = await asyncio.open_connection(_HOST, self._behind)
            async with asyncio.TaskGroup() as both:
                both.create_task(_copy(reader, to_process))
                both.create_task(_copy(from_process, writer))
        except* (OSError, TimeoutError):
            pass  # if one side breaks, so does the other
        finally:
            writer.transport.abort()

    async def _stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(_STOP_WITHIN_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while piece := await source.read(_PIECE_BYTES):
        sink.write(piece)
        await sink.drain()
    sink.close()

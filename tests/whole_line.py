"""Runs every part of a line in this process, on a clock that jumps, so that calls take little time.

The parts are loaded as in the processes of `devtools.stack`, with the same environments, and they
talk over real sockets. Only the embedded store works, because gRPC's deadlines use another clock.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import uvicorn

from devtools.gemini_stand_in import API_KEY
from devtools.processes import Command, free_port
from devtools.stack import Stack, planned_stack
from devtools.stack_settings import StackSettings
from ringdown import clock
from ringdown.gemini.session import GeminiLive
from ringdown.log import configure
from ringdown.open_once import KEEPER
from ringdown.stores import open_store
from ringdown.tools.client import ToolClient
from simulators.gemini_live.scenario_file import load_scenario
from simulators.gemini_live.server import GeminiLiveServer
from simulators.twilio import DialledParty, TwilioNetwork
from stream_handler.agent_watch import AgentWatch
from stream_handler.bridge import Services
from stream_handler.loop_watch import LoopWatch
from stream_handler.record.span_export import OtlpExport
from stream_handler.server import StreamServer
from stream_handler.settings import read_settings
from stream_handler.upload_watch import UploadWatch
from tests.functions.loading import loaded_app
from tests.jumping_loop import jumping_loop

LOG = "logs/line.log"
"""The log of all parts, in the folder of the line."""
_POLL_S = 0.01
_STARTS_WITHIN_S = 10.0


def settings_with(folder: Path, gemini: GeminiLiveServer, **fields: Any) -> StackSettings:
    """Settings of a line whose model is `gemini`, on free ports."""
    ports = {"webhook_port": free_port(), "stream_port": free_port()}
    return StackSettings(
        out=folder,
        gemini_api_key=API_KEY,
        gemini_base_url=gemini.base_url,
        gemini_ca_file=gemini.ca_file,
        **{**ports, **fields},
    )


@asynccontextmanager
async def running_line(settings: StackSettings) -> AsyncIterator[Stack]:
    """Like `devtools.stack.running_stack`, but dates follow the loop's clock too."""
    async with restartable_line(settings) as (stack, _):
        yield stack


@asynccontextmanager
async def restartable_line(settings: StackSettings) -> AsyncIterator[tuple[Stack, "Parts"]]:
    """Like `running_line`, but also yields the parts."""
    path = settings.out / LOG
    path.parent.mkdir(parents=True, exist_ok=True)
    with clock.replaced_by(jumping_loop().date), path.open("a") as log, logging_to(log):
        stack, commands = await planned_stack(settings)
        parts = Parts(log)
        try:
            for command in commands:
                await parts.start(command)
            yield stack, parts
        finally:
            await parts.stop()


class Parts:
    def __init__(self, log: TextIO) -> None:
        self._log = log
        self._running: dict[str, tuple[Command, AsyncExitStack]] = {}

    async def start(self, command: Command) -> None:
        part = AsyncExitStack()
        await part.enter_async_context(_started(command, self._log))
        self._running[command.name] = (command, part)

    async def restart(self, name: str, environ: Mapping[str, str]) -> None:
        """Restart a part with these variables added, as an apply does."""
        command, part = self._running.pop(name)
        await part.aclose()
        await self.start(replace(command, environ={**command.environ, **environ}))

    async def stop(self) -> None:
        for _, part in reversed(self._running.values()):
            await part.aclose()


@asynccontextmanager
async def served_function(
    target: str, source: Path, port: int, environ: dict[str, str], log: TextIO
) -> AsyncIterator[None]:
    """Serve a function with the server that functions-framework would start, on this loop."""
    app = loaded_app(target, source, environ, log)
    server = _Server(
        uvicorn.Config(app, "127.0.0.1", port, log_config=None, access_log=False, lifespan="off")
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve())
        await _answering(port)
        try:
            yield
        finally:
            server.should_exit = True
    # The platform would end the loop. Here, everything must be closed before the function goes.
    keepers = {task for task in asyncio.all_tasks() if task.get_name() == KEEPER}
    for keeper in keepers:
        keeper.cancel()
    if keepers:
        await asyncio.wait(keepers)


@asynccontextmanager
async def running_gemini(scenario: Path, folder: Path) -> AsyncIterator[GeminiLiveServer]:
    """Like `devtools.gemini_stand_in.running_gemini_stand_in`, but in this process."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing else runs yet
    async with GeminiLiveServer(load_scenario(scenario), api_key=API_KEY, folder=folder) as gemini:
        yield gemini


@contextmanager
def logging_to(log: TextIO) -> Iterator[None]:
    """Log to `log`; at the end, undo what the parts' composition roots did to the root logger."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure(log)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def phone_network(stack: Stack, dialled: Mapping[str, DialledParty] = {}) -> TwilioNetwork:
    """Twilio with the line's number. `dialled` says who else answers."""
    return TwilioNetwork(auth_token=stack.twilio_auth_token, dialled=dialled, date=clock.now)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to pytest."""
        yield


@asynccontextmanager
async def _started(command: Command, log: TextIO) -> AsyncIterator[None]:
    environ = dict(command.environ)
    if command.name == "stream_handler":
        async with _handler(environ, log):
            yield
        return
    options = dict(zip(command.argv[3::2], command.argv[4::2], strict=True))
    source, port = Path(options["--source"]), int(options["--port"])
    async with served_function(options["--target"], source, port, environ, log):
        yield


@asynccontextmanager
async def _handler(environ: dict[str, str], log: TextIO) -> AsyncIterator[None]:
    """Do what `python -m stream_handler` does."""
    settings = read_settings(environ)
    traces = None if settings.traces is None else OtlpExport(settings.traces)
    if traces is not None:
        configure(log, of_call=traces.log_fields)
    tls = ssl.create_default_context(cafile=environ.get("SSL_CERT_FILE"))
    tools, stop = ToolClient(), asyncio.Event()
    watch = LoopWatch(now_s=jumping_loop().time)
    try:
        async with (
            open_store(settings.store_url, settings.recordings) as store,
            asyncio.TaskGroup() as group,
        ):
            models = tuple(GeminiLive(endpoint, tls=tls) for endpoint in settings.endpoints)
            services = Services(
                store,
                store,
                models,
                tools,
                AgentWatch(store),
                store,
                UploadWatch(store),
                store.recordings,
                traces,
            )
            server = StreamServer(settings, services, loop_watch=watch)
            group.create_task(server.serve(stop))
            await _answering(settings.port)
            try:
                yield
            finally:
                stop.set()
    finally:
        await tools.close()
        if traces is not None:
            traces.close()


async def _answering(port: int) -> None:
    async with asyncio.timeout(_STARTS_WITHIN_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(_POLL_S)
            else:
                writer.close()
                await writer.wait_closed()
                return

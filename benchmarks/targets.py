"""The targets to measure: how each is started, and how a call reaches it."""

import asyncio
import dataclasses
import itertools
import os
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

import httpx2
import msgspec

from benchmarks.pipecat.environment import PIPECAT
from benchmarks.rig.marks import PHONE_HZ
from benchmarks.rig.storage import storage_sink
from benchmarks.rig.usage import Pins
from benchmarks.rig.wires import GeminiWire, RelayWire, Wire
from devtools.processes import Command, SupervisedProcess, free_port, python
from ringdown import clock
from ringdown.agents import DEFAULT_AGENT_ID, Agent, packaged_document
from ringdown.agents.clips import Clip, clip_key, greeting_text, notice_text
from ringdown.calls.limits import LineLimits
from ringdown.calls.uploads import Upload
from ringdown.stores import open_store
from ringdown.tools import Json
from simulators.speech import mulaw
from simulators.speech.synthesis import Voice, synthesize
from simulators.twilio.identity import CallIdentity
from simulators.twilio.signatures import Signer
from simulators.twilio.stream_messages import StreamIdentity
from simulators.twilio.twiml import ConnectStream, Play
from simulators.twilio.twiml_parser import parse_twiml

ROOT = Path(__file__).resolve().parent.parent

_AGENT = Voice("en-us+f3")
_CALLED = "+14155550100"
_CALLER = "+14155550123"
_PICTURE_BYTES = 300_000
_PICTURE_EVERY_S = 2.0
ONCE = {"Connection": "close"}
"""No keep-alive: calls are so far apart that a server might close the connection."""
_RECORDED: Mapping[str, Json] = {"record": True, "notice": "This call is recorded."}
_WEBHOOK_WITHIN_S = 15.0  # Twilio's own timeout


class CallRefused(Exception):
    """The webhook didn't respond with a stream."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The environment that a target is started in."""

    model_url: str
    ca_file: Path
    folder: Path
    """Where its logs and records go."""
    calls: int
    pins: Pins | None

    def environ(self, **more: str) -> dict[str, str]:
        inherited = {n: os.environ[n] for n in ("PATH", "HOME", "LANG") if n in os.environ}
        return {
            **inherited,
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": os.pathsep.join(str(ROOT / p) for p in (".", "shared", "services")),
            "GEMINI_API_KEY": "local-endpoint",
            "GEMINI_BASE_URL": self.model_url,
            "SSL_CERT_FILE": str(self.ca_file),
            **more,
        }

    def measured(self, *argv: str) -> tuple[str, ...]:
        """Pin `argv` to the target's core."""
        return argv if self.pins is None else self.pins.command(*argv)


@dataclass(frozen=True, slots=True)
class Route:
    """Where to open the stream of one call."""

    url: str
    identity: StreamIdentity
    headers: Mapping[str, str] = field(default_factory=dict)
    notice_url: str | None = None
    """The sound that is played first."""


class RunningTarget(Protocol):
    """A target that is ready for calls."""

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that carry calls, whose CPU time is measured."""

    async def announce(self) -> Route:
        """Report a new call to the target. Raises CallRefused, httpx2.HTTPError."""


Started: TypeAlias = Callable[[Command, Path], AbstractAsyncContextManager[int]]
"""Runs a command with its log in the folder; yields the process's id."""


class Target(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def wire(self) -> Wire: ...

    @property
    def greets_at_once(self) -> bool:
        """Whether the model speaks right after the setup, because the target never asks it to."""

    @property
    def most_calls(self) -> int | None:
        """The most calls to try. The core is full long before; each failure takes a minute."""

    def running(self, around: Surroundings) -> AbstractAsyncContextManager[RunningTarget]:
        """Start the target, and stop it at the end. Raises devtools.processes.ProcessFailed."""


@dataclass(frozen=True, slots=True)
class _Unannounced:
    """A target without a webhook: calls only open their stream."""

    url: str
    pids: tuple[int, ...]

    async def announce(self) -> Route:
        return Route(self.url, _identity())


@dataclass(frozen=True, slots=True)
class Relay:
    """The floor: `benchmarks.relay`."""

    name: str = "relay"
    wire: Wire = field(default_factory=RelayWire)
    greets_at_once: bool = True
    most_calls: int | None = None

    @asynccontextmanager
    async def running(self, around: Surroundings) -> AsyncIterator[RunningTarget]:
        port = free_port()
        argv = around.measured(python(), "-m", "benchmarks.relay")
        command = _command(self.name, argv, around.environ(PORT=str(port)), port)
        async with _started(command, around.folder) as pid:
            yield _Unannounced(f"ws://127.0.0.1:{port}/", (pid,))


@dataclass(frozen=True, slots=True)
class Pipecat:
    """Pipecat's example phone bot, in a separate environment."""

    name: str = "pipecat"
    voice_detection: bool = True
    """Whether it also runs Silero on the caller's audio, as the example does."""
    wire: Wire = field(default_factory=GeminiWire)
    greets_at_once: bool = False
    most_calls: int | None = 50

    @asynccontextmanager
    async def running(self, around: Surroundings) -> AsyncIterator[RunningTarget]:
        port = free_port()
        bot = ROOT / "benchmarks" / "pipecat" / "bot.py"
        argv = around.measured(str(PIPECAT.python), str(bot))
        vad = "on" if self.voice_detection else "off"
        command = _command(self.name, argv, around.environ(PORT=str(port), VAD=vad), port)
        async with _started(command, around.folder) as pid:
            yield _Unannounced(f"ws://127.0.0.1:{port}/ws", (pid,))


@dataclass(frozen=True, slots=True)
class Ringdown:
    """The stream handler, reached through its webhook, with the embedded store by default."""

    name: str = "ringdown"
    store_url: str | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    """Additional environment variables of the processes."""
    agent: Mapping[str, Json] = field(default_factory=dict)
    """Fields in which the agent differs from the packaged one."""
    clips: bool = False
    """Whether the agent's notice and greeting have clips."""
    pictures: bool = False
    """Whether every caller sends as many pictures as a call accepts."""
    traced: bool = False
    """Whether the calls' traces go to a collector."""
    recorded: bool = False
    """Whether calls are recorded, into a bucket that accepts everything, without TLS."""
    started: Started | None = None
    """How to start a process; by default it is ready before the first call."""
    wire: Wire = field(default_factory=GeminiWire)
    greets_at_once: bool = False
    most_calls: int | None = None

    @asynccontextmanager
    async def running(self, around: Surroundings) -> AsyncIterator[RunningTarget]:
        webhook_port, stream_port, collector_port = free_port(), free_port(), free_port()
        webhook_url = f"http://127.0.0.1:{webhook_port}"
        store_url = self.store_url or f"sqlite:{around.folder / 'ringdown.db'}"
        token = secrets.token_hex(16)
        agent = {**self.agent, **(_RECORDED if self.recorded else {})}
        await _open_line(store_url, agent, clips=self.clips)
        environ = around.environ(
            TWILIO_AUTH_TOKEN=token,
            STREAM_TOKEN_SECRET=secrets.token_hex(32),
            STORE_URL=store_url,
            STREAM_URL=f"ws://127.0.0.1:{stream_port}",
            PUBLIC_URL=webhook_url,
            MAX_CALLS=str(around.calls + 10),
            **self.environ,
        )
        collector_url = f"http://127.0.0.1:{collector_port}"
        traces = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector_url} if self.traced else {}
        handler = _command(
            self.name,
            around.measured(python(), "-m", "stream_handler"),
            {**environ, **traces, "HOST": "127.0.0.1", "PORT": str(stream_port)},
            stream_port,
        )
        webhook = _command("incoming_call", _webhook_argv(webhook_port), environ, webhook_port)
        async with AsyncExitStack() as stack:
            started = self.started or _started
            if self.traced:
                collector = _command(
                    "collector",
                    (python(), "-m", "benchmarks.collector"),
                    {**environ, "PORT": str(collector_port)},
                    collector_port,
                )
                await stack.enter_async_context(started(collector, around.folder))
            if self.recorded:
                storage = await stack.enter_async_context(storage_sink())
                bucket = {"RECORDINGS": "gs://the-recordings", "STORAGE_EMULATOR_HOST": storage}
                handler = dataclasses.replace(handler, environ={**handler.environ, **bucket})
            pid = await stack.enter_async_context(started(handler, around.folder))
            await stack.enter_async_context(started(webhook, around.folder))
            http = await stack.enter_async_context(
                httpx2.AsyncClient(trust_env=False, headers=ONCE)
            )
            announced: list[str] = []
            if self.pictures:
                await stack.enter_async_context(_pictures_sent(store_url, announced))
            yield _RingdownRunning(webhook_url, Signer(token), http, (pid,), announced)


@dataclass(frozen=True, slots=True)
class _RingdownRunning:
    webhook_url: str
    signer: Signer
    http: httpx2.AsyncClient
    pids: tuple[int, ...]
    announced: list[str]
    """The SIDs of all calls so far."""

    async def announce(self) -> Route:
        identity = _identity()
        form = CallIdentity(identity.account_sid, identity.call_sid, _CALLED, _CALLER)
        params = form.voice("ringing")
        response = await self.http.post(
            self.webhook_url,
            data=dict(params),
            headers=self.signer.headers(self.webhook_url, params),
            timeout=_WEBHOOK_WITHIN_S,
        )
        verbs = parse_twiml(response.text).document.verbs
        stream = next((verb for verb in verbs if isinstance(verb, ConnectStream)), None)
        if stream is None:
            raise CallRefused(f"the webhook's response has no stream: {response.text}")
        identity = dataclasses.replace(identity, parameters=stream.parameters)
        self.announced.append(identity.call_sid)
        notice_url = next((verb.url for verb in verbs if isinstance(verb, Play)), None)
        return Route(stream.url, identity, self.signer.headers(stream.url), notice_url)


TARGETS: tuple[Target, ...] = (
    Relay(),
    Ringdown(),
    Pipecat(),
    Ringdown("traced", traced=True),
    Pipecat("pipecat-no-vad", voice_detection=False),
    Ringdown("ringdown-pictures", agent={"photos": True}, pictures=True),
)
"""In the order in which they are measured, the floor first."""


@asynccontextmanager
async def _pictures_sent(store_url: str, calls: Sequence[str]) -> AsyncIterator[None]:
    """Send each of `calls` a picture every two seconds, even when it no longer accepts any."""

    async def send() -> None:
        async with open_store(store_url) as store:
            for n in itertools.count():
                await asyncio.sleep(_PICTURE_EVERY_S)
                for call_sid in calls:
                    jpeg = b"\xff\xd8" + secrets.token_bytes(_PICTURE_BYTES)
                    upload = Upload(id=f"{n}", received_at=clock.now(), picture=jpeg)
                    await store.add_upload(call_sid, upload)

    sending = asyncio.create_task(send())
    try:
        yield
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _open_line(store_url: str, agent: Mapping[str, Json], *, clips: bool) -> None:
    """Let the packaged agent answer any number of calls. Its greeting isn't protected, so that the
    model hears all audio."""
    document = {**packaged_document(), "protect_greeting": False, **agent}
    unlimited = dict.fromkeys(LineLimits.__struct_fields__)
    async with open_store(store_url) as store:
        await store.write_agent(DEFAULT_AGENT_ID, document, over=None)
        await store.write_limits(msgspec.convert(unlimited, LineLimits))
        if clips:
            made = msgspec.convert(document, Agent)
            for text in filter(None, (notice_text(made), greeting_text(made))):
                sound = mulaw.encode(synthesize(text, rate_hz=PHONE_HZ, voice=_AGENT))
                clip = Clip(key=clip_key(made, text), mulaw=sound)
                await store.write_clip(DEFAULT_AGENT_ID, clip)


def _identity() -> StreamIdentity:
    return StreamIdentity(
        account_sid=f"AC{secrets.token_hex(16)}",
        call_sid=f"CA{secrets.token_hex(16)}",
        stream_sid=f"MZ{secrets.token_hex(16)}",
    )


def _webhook_argv(port: int) -> tuple[str, ...]:
    source = ROOT / "functions" / "incoming_call" / "main.py"
    options = ("--target", "incoming_call", "--source", str(source))
    listen = ("--host", "127.0.0.1", "--port", str(port))
    return (python(), "-m", "functions_framework", *options, *listen)


def _command(name: str, argv: tuple[str, ...], environ: Mapping[str, str], port: int) -> Command:
    return Command(name, argv, environ, f"http://127.0.0.1:{port}", "/ready")


@asynccontextmanager
async def _started(command: Command, folder: Path) -> AsyncIterator[int]:
    process = SupervisedProcess(command, folder / f"{command.name}.log")
    try:
        await process.start()
        if process.pid is None:
            raise RuntimeError(f"{command.name} has no process")
        yield process.pid
    finally:
        await process.stop()

"""`make stack`: runs all deployables on this machine, each as a process."""

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from devtools.clips import clip_maker, making_clips
from devtools.ended_calls import deliver_ended_calls
from devtools.handler_processes import handler_commands
from devtools.local_tools import (
    LocalTool,
    declare_tools,
    local_tools,
    seed_demonstration,
)
from devtools.ports import listen
from devtools.processes import (
    Command,
    ProcessFailed,
    SupervisedProcess,
    free_port,
    python,
    say,
)
from devtools.stack_settings import StackSettings
from ringdown import clock
from ringdown.agents import DEFAULT_AGENT_ID
from ringdown.agents.edits import look_at_edit
from ringdown.gemini.backend import VertexAi
from ringdown.stores import open_store
from ringdown_cli.agents.releasing import seed_default_agent
from ringdown_cli.command import make_folder
from ringdown_cli.store_choice import (
    FIRESTORE_EMULATOR,
    LOCAL_RECORDINGS,
    STACK_FILE,
    local_store_url,
)

ROOT = Path(__file__).resolve().parent.parent
_FUNCTION_SERVER = Path(__file__).with_name("function_server.py")
_SHIFTED_CLOCK = Path(__file__).with_name("shifted_clock.py")


@dataclass(frozen=True, slots=True)
class Stack:
    webhook_url: str
    twilio_auth_token: str
    token_was_generated: bool
    store_url: str
    call_ended_url: str
    """Where ended calls are delivered."""
    caller_page_local_url: str = ""
    upload_link_secret: str = field(default="", repr=False)
    processes: list[SupervisedProcess] = field(default_factory=list)

    def describe(self) -> dict[str, object]:
        """The contents of stack.json, without a token that was passed in."""
        return {
            "pid": os.getpid(),
            "store_url": self.store_url,
            "webhook_url": self.webhook_url,
            "twilio_auth_token": self.twilio_auth_token if self.token_was_generated else None,
            "processes": [
                {"name": p.command.name, "pid": p.pid, "url": p.command.url} for p in self.processes
            ],
        }


@asynccontextmanager
async def running_stack(settings: StackSettings) -> AsyncIterator[Stack]:
    """Start all deployables, wait until they are healthy, and stop them at the end.

    Raises ProcessFailed if one of them can't be started or, later, can't be kept running.
    """
    make_folder(settings.out)
    logs = make_folder(settings.out / "logs")
    for old in logs.glob("*.log"):
        old.unlink()
    stack, commands = await planned_stack(settings)
    stack.processes.extend(SupervisedProcess(c, logs / f"{c.name}.log") for c in commands)
    try:
        await _start_all(stack.processes)
        async with _kept_running(stack.processes), _delivered_ends(stack):
            yield stack
    except asyncio.CancelledError:
        say("Stopping …")
        raise
    finally:
        await asyncio.gather(*(process.stop() for process in stack.processes))


async def planned_stack(settings: StackSettings) -> tuple[Stack, tuple[Command, ...]]:
    """Prepare the store. Returns the stack, and the commands that start it. `settings.out` must
    exist."""
    store_url = settings.store_url or local_store_url(settings.inherited, settings.out)
    stack = Stack(
        webhook_url=settings.public_url or f"http://127.0.0.1:{settings.webhook_port}",
        twilio_auth_token=settings.twilio_auth_token or secrets.token_hex(16),
        token_was_generated=settings.twilio_auth_token is None,
        store_url=store_url,
        call_ended_url=f"http://127.0.0.1:{free_port()}",
        caller_page_local_url=f"http://127.0.0.1:{settings.caller_page_port or free_port()}",
        upload_link_secret=(
            settings.tool_environ.get("UPLOAD_LINK_SECRET") or secrets.token_hex(32)
        ),
    )
    tools = _tools(settings, stack)
    await _prepare_store(settings, store_url, tools)
    pages = [_caller_page(settings, stack) for tool in tools if tool.texts_links]
    commands = (*_tool_commands(settings, tools), *pages, *_service_commands(settings, stack))
    return stack, commands


async def serve_stack(settings: StackSettings) -> None:
    """Run the stack until cancelled, and print its URLs. Raises CannotGoOn, ProcessFailed."""
    for port, variable in (
        (settings.webhook_port, "WEBHOOK_PORT"),
        (settings.stream_port, "STREAM_PORT"),
        (settings.caller_page_port or 0, "CALLER_PAGE_PORT"),
    ):
        listen(port, variable=variable).close()
    say("Starting the deployables …")
    async with running_stack(settings) as stack:
        with described(stack, settings.out) as description:
            for process in stack.processes:
                say(f"  {process.command.name:<16} {process.command.url}")
            say(f"Ready. Voice webhook: {stack.webhook_url}   (details: {description})")
            say("Press Ctrl-C to stop.")
            async with _clips(settings, stack):
                await asyncio.Event().wait()


@contextmanager
def described(stack: Stack, out: Path) -> Iterator[Path]:
    """Keep a file in `out` that describes the stack, so that `ringdown` finds it."""
    description = out / STACK_FILE
    description.write_text(json.dumps(stack.describe(), indent=2) + "\n", "utf-8")
    try:
        yield description
    finally:
        description.unlink(missing_ok=True)


@asynccontextmanager
async def _clips(settings: StackSettings, stack: Stack) -> AsyncIterator[None]:
    """Make clips if the store is on this machine; in the cloud, `agent_edited` makes them."""
    backend = settings.vertex or settings.developer_api
    if backend is None or not _is_local(settings, stack.store_url):
        yield
        return
    maker = clip_maker(backend, settings.gemini_ca_file)
    async with open_store(stack.store_url) as store, making_clips(maker, store, clock.now):
        yield


def _is_local(settings: StackSettings, store_url: str) -> bool:
    return store_url.startswith("sqlite:") or FIRESTORE_EMULATOR in settings.inherited


async def _start_all(processes: list[SupervisedProcess]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for process in processes:
                group.create_task(process.start())
    except* ProcessFailed as failures:
        raise failures.exceptions[0] from None


@asynccontextmanager
async def _kept_running(processes: list[SupervisedProcess]) -> AsyncIterator[None]:
    try:
        async with asyncio.TaskGroup() as group:
            keepers = [group.create_task(process.keep_running()) for process in processes]
            try:
                yield
            finally:
                for keeper in keepers:
                    keeper.cancel()
    except* ProcessFailed as failures:
        raise failures.exceptions[0] from None


@asynccontextmanager
async def _delivered_ends(stack: Stack) -> AsyncIterator[None]:
    """Deliver the store's queue of ended calls, as Pub/Sub would."""
    async with open_store(stack.store_url) as store:
        delivering = asyncio.create_task(deliver_ended_calls(store, stack.call_ended_url))
        try:
            yield
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)


def _tools(settings: StackSettings, stack: Stack) -> list[LocalTool]:
    """Return the tools to serve, each on its own port. Raises ConfigurationError."""
    given = dict(settings.tool_environ)
    if not given.get("TWILIO_ACCOUNT_SID"):
        given["TWILIO_API_KEY"] = "none"  # so that the tool for texts runs, and says it can't send
    given["UPLOAD_LINK_SECRET"] = stack.upload_link_secret
    if settings.gemini_api_key is not None and settings.gemini_ca_file is None:
        given["GEMINI_API_KEY"] = settings.gemini_api_key
    values = {
        "caller_page_url": settings.caller_page_url or stack.caller_page_local_url,
        "phone_numbers": given.get("PHONE_NUMBERS", ""),
        "project": given.get("GOOGLE_CLOUD_PROJECT", ""),
        "store_url": stack.store_url,
        "twilio_account_sid": given.get("TWILIO_ACCOUNT_SID", ""),
    }
    return local_tools(settings.tools, settings.served_tools, given, values)


async def _prepare_store(
    settings: StackSettings, store_url: str, tools: Iterable[LocalTool]
) -> None:
    """Declare the tools, and make sure that there is an agent to edit."""
    async with open_store(store_url) as store:
        await declare_tools(store, tools)
        if _is_local(settings, store_url):
            await seed_demonstration(store)
        if await seed_default_agent(store):
            await look_at_edit(store, DEFAULT_AGENT_ID, clock.now())


def _tool_commands(settings: StackSettings, tools: Iterable[LocalTool]) -> Iterator[Command]:
    for tool in tools:
        environ = _environ(settings, tool.environ)
        yield _function(tool.deployment.name, tool.folder, tool.url, environ)


def _caller_page(settings: StackSettings, stack: Stack) -> Command:
    """Return the command for the caller's page. Its dates aren't shifted, because those of the tool
    that dates the link aren't either."""
    values = {
        "STORE_URL": stack.store_url,
        "UPLOAD_LINK_SECRET": stack.upload_link_secret,
        "FRAMED_BY": " ".join(settings.caller_page_framed_by) or None,
    }
    folder, environ = ROOT / "functions" / "caller_page", _environ(settings, values)
    return _function("caller_page", folder, stack.caller_page_local_url, environ)


def _service_commands(settings: StackSettings, stack: Stack) -> tuple[Command, ...]:
    shared: dict[str, str | None] = {
        "TWILIO_AUTH_TOKEN": stack.twilio_auth_token,
        "STREAM_TOKEN_SECRET": settings.stream_token_secret or secrets.token_hex(32),
        "STREAM_URL": settings.stream_url or f"ws://127.0.0.1:{settings.stream_port}",
        "STORE_URL": stack.store_url,
    }
    gemini: dict[str, str | None] = {
        "GEMINI_API_KEY": settings.gemini_api_key,
        "GEMINI_BASE_URL": settings.gemini_base_url,
        **_vertex_environ(settings.vertex),
    }
    text_models = gemini if settings.gemini_ca_file is None else {}
    webhook = {
        **shared,
        "PUBLIC_URL": stack.webhook_url,
        "FALLBACK_NUMBER": settings.fallback_number,
        **text_models,
    }
    ca_file = settings.live_ca_file or settings.gemini_ca_file
    handler = {
        **shared,
        **gemini,
        **settings.traces,
        **({"GEMINI_BASE_URL": settings.live_base_url} if settings.live_base_url else {}),
        "HOST": "127.0.0.1",
        **_recordings(settings, stack.store_url),
        **({"SSL_CERT_FILE": str(ca_file)} if ca_file is not None else {}),
    }
    proxy_environ = {**settings.inherited, "PYTHONPATH": str(ROOT)}
    webhook_url = f"http://127.0.0.1:{settings.webhook_port}"
    commands = (
        _function(
            "incoming_call",
            ROOT / "functions" / "incoming_call",
            webhook_url,
            _environ(settings, webhook),
        ),
        _function(
            "call_ended",
            ROOT / "functions" / "call_ended",
            stack.call_ended_url,
            _environ(settings, {"STORE_URL": stack.store_url, **text_models}),
        ),
        *handler_commands(
            settings.handlers, settings.stream_port, _environ(settings, handler), proxy_environ
        ),
    )
    return tuple(_at_the_time_of(settings.clock, command) for command in commands)


def _recordings(settings: StackSettings, store_url: str) -> dict[str, str]:
    """Keep recordings on this machine if the store is. With SQLite, that is the default."""
    if store_url.startswith("sqlite:") or not _is_local(settings, store_url):
        return {}
    return {"RECORDINGS": str(settings.out / LOCAL_RECORDINGS)}


def _at_the_time_of(clock: Path | None, command: Command) -> Command:
    """Return a command with its dates shifted, except the proxy's, which uses no dates."""
    if clock is None or command.name == "stream_proxy":
        return command
    program, *arguments = command.argv
    rest = [argument for argument in arguments if argument != "-P"]
    return replace(command, argv=(program, "-P", str(_SHIFTED_CLOCK), str(clock), *rest))


def _vertex_environ(vertex: VertexAi | None) -> dict[str, str]:
    if vertex is None:
        return {}
    return {
        "GEMINI_BACKEND": "vertex",
        "GOOGLE_CLOUD_PROJECT": vertex.project,
        "VERTEX_LOCATION": vertex.location,
    }


def _function(name: str, folder: Path, url: str, environ: Mapping[str, str]) -> Command:
    """Return the command for a Cloud Function. It starts the way Google's buildpack starts it, but
    closes idle connections."""
    port = url.rpartition(":")[2]
    options = ("--target", name, "--source", str(folder / "main.py"))
    listen = ("--host", "127.0.0.1", "--port", port)
    argv = (python(), "-P", str(_FUNCTION_SERVER), *options, *listen)
    return Command(name=name, argv=argv, environ=environ, url=url)


def _environ(settings: StackSettings, values: Mapping[str, str | None]) -> dict[str, str]:
    """Return a clean environment, with these values and what all processes need."""
    return {
        **settings.inherited,
        "PYTHONPATH": os.pathsep.join((str(ROOT / "shared"), str(ROOT / "services"))),
        "PYTHONUNBUFFERED": "1",
        **{name: value for name, value in values.items() if value is not None},
    }

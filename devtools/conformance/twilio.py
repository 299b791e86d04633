"""Records what Twilio and our deployables send each other in a call, real or simulated.

Taps in front of the webhook and the stream handler pass every byte on.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

from websockets.frames import Opcode
from websockets.protocol import Protocol, Side, State

from devtools.conformance.recording import Json, Message, Recording
from devtools.gemini_stand_in import API_KEY, running_gemini_stand_in
from devtools.ports import listen
from devtools.processes import free_port, say
from devtools.stack import ROOT, running_stack
from devtools.stack_settings import STREAM_PORT, WEBHOOK_PORT, StackSettings, inherited
from ringdown.errors import ConfigurationError
from simulators.twilio import TwilioNetwork
from simulators.twilio.runner import run_script
from simulators.twilio.script import SayStep
from simulators.twilio.script_file import load_script

SCENARIO = ROOT / "simulators" / "scenarios" / "demonstration.yaml"
NEEDED = ("PUBLIC_URL", "STREAM_URL", "TWILIO_AUTH_TOKEN")
_CALL_WITHIN_S = 600.0
_PIECE_BYTES = 64 * 1024
_HEAD_END = b"\r\n\r\n"


class Tap:
    """Records what passes through it, on all connections, in order of arrival."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._carrying: set[asyncio.Task[None]] = set()
        self.recording = Recording()
        self.completed = asyncio.Event()
        """Set when Twilio says that the call is over."""

    @asynccontextmanager
    async def before(self, port: int, *, at: int, variable: str) -> AsyncIterator[None]:
        """Listen on port `at`, and pass everything on to `port`. Raises
        ringdown_cli.command.CannotGoOn."""

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._carry(reader, writer, port))
            self._carrying.add(task)
            task.add_done_callback(self._carrying.discard)

        server = await asyncio.start_server(connected, sock=listen(at, variable=variable))
        try:
            yield
        finally:
            server.close()
            for task in tuple(self._carrying):
                task.cancel()
            await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int
    ) -> None:
        with suppress(OSError):
            back, on = await asyncio.open_connection("127.0.0.1", port)
            theirs = Reading(self._keep, is_ours=False)
            ours = Reading(self._keep, is_ours=True)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(_pass_on(reader, on, theirs))
                    both.create_task(_pass_on(back, writer, ours))
            except* OSError:
                pass  # when one side breaks off, so does the other
            finally:
                on.close()
                writer.close()

    def _keep(self, body: Json, is_ours: bool) -> None:
        at_ms = (self._loop.time() - self._began_s) * 1000
        self.recording.messages.append(Message(round(at_ms, 1), is_ours, body))
        if body.get("request") == "POST /status" and body["form"].get("CallStatus") == "completed":
            self.completed.set()


class Reading:
    """Reads one direction of a connection: requests with forms, or a WebSocket's messages."""

    def __init__(self, keep: Callable[[Json, bool], None], *, is_ours: bool) -> None:
        self._keep = keep
        self._is_ours = is_ours
        self._unread = b""
        self._frames: Protocol | None = None

    def feed(self, piece: bytes) -> None:
        self._unread += piece
        while self._frames is None and _HEAD_END in self._unread:
            head, _, rest = self._unread.partition(_HEAD_END)
            if b"upgrade: websocket" in head.lower():
                side = Side.CLIENT if self._is_ours else Side.SERVER
                self._frames, self._unread = Protocol(side, state=State.OPEN), rest
            elif not self._read_form(head.decode("latin-1"), rest):
                return
        if self._frames is not None:
            self._frames.receive_data(self._unread)
            self._unread = b""
            for frame in self._frames.events_received():
                self._read_frame(frame)

    def _read_form(self, head: str, rest: bytes) -> bool:
        """Read a request with a form, skipping our own replies. Returns False if the body hasn't
        arrived yet."""
        names = (line.partition(":") for line in head.lower().splitlines())
        length = next((int(value) for name, _, value in names if name == "content-length"), 0)
        if len(rest) < length:
            return False
        body, self._unread = rest[:length].decode("utf-8", "replace"), rest[length:]
        if not self._is_ours and head.startswith("POST "):
            path = head.split(" ")[1].partition("?")[0]
            self._keep({"request": f"POST {path}", "form": dict(parse_qsl(body))}, False)
        return True

    def _read_frame(self, frame: object) -> None:
        opcode, data = getattr(frame, "opcode", None), bytes(getattr(frame, "data", b""))
        if opcode is Opcode.CLOSE:
            self._keep({"ended": f"closed with {int.from_bytes(data[:2])}"}, self._is_ours)
        elif opcode in (Opcode.TEXT, Opcode.BINARY):
            with suppress(ValueError):
                self._keep(json.loads(data), self._is_ours)


async def _pass_on(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, reading: Reading
) -> None:
    while piece := await source.read(_PIECE_BYTES):
        reading.feed(piece)
        sink.write(piece)
        await sink.drain()
    if sink.can_write_eof():
        sink.write_eof()


async def simulated_call(out: Path, environ: Mapping[str, str]) -> Recording:
    """Record a call by the demonstration's simulated caller to the Gemini stand-in. Raises
    devtools.processes.ProcessFailed."""
    ports = free_port(), free_port()
    settings = StackSettings(out, inherited=inherited(environ), public_url=_url("http", ports[0]))
    settings = replace(settings, stream_url=_url("ws", ports[1]))
    async with _tapped(settings, ports) as (tap, auth_token):
        script = load_script(SCENARIO)
        network = TwilioNetwork(auth_token=auth_token)
        async with network.place_call(
            to=script.to,
            from_=script.from_,
            voice_url=f"{settings.public_url}/",
            status_url=f"{settings.public_url}/status",
        ) as call:
            await run_script(call, script)
        await asyncio.wait_for(tap.completed.wait(), _CALL_WITHIN_S)
        return tap.recording


async def real_call(out: Path, environ: Mapping[str, str]) -> Recording:
    """Record the same call by a person, who reads out the sentences. Raises like `simulated_call`,
    and TimeoutError."""
    settings = StackSettings(
        out,
        inherited=inherited(environ),
        public_url=environ["PUBLIC_URL"],
        stream_url=environ["STREAM_URL"],
        twilio_auth_token=environ["TWILIO_AUTH_TOKEN"],
    )
    async with _tapped(settings, (WEBHOOK_PORT, STREAM_PORT)) as (tap, _):
        say(f"Call the number whose webhook is {settings.public_url}/.")
        say("Say these sentences, each when the line is quiet:")
        for step in load_script(SCENARIO).steps:
            if isinstance(step.action, SayStep):
                say(f"  {step.action.text}")
        await asyncio.wait_for(tap.completed.wait(), _CALL_WITHIN_S)
        return tap.recording


def has_number(environ: Mapping[str, str]) -> bool:
    """Whether a real call can be recorded. Raises ConfigurationError if only some of the settings
    in `NEEDED` are there."""
    if not environ.get("PUBLIC_URL"):
        return False
    missing = [name for name in NEEDED if not environ.get(name)]
    if missing:
        raise ConfigurationError([f"PUBLIC_URL is set: set {' and '.join(missing)} as well."])
    return True


@asynccontextmanager
async def _tapped(
    settings: StackSettings, ports: tuple[int, int]
) -> AsyncIterator[tuple[Tap, str]]:
    """Run a stack with the Gemini stand-in, behind a tap that listens on `ports`. Yields the tap
    and the auth token."""
    tap = Tap()
    behind = free_port(), free_port()
    async with (
        running_gemini_stand_in(SCENARIO, settings.out / "model") as gemini,
        tap.before(behind[0], at=ports[0], variable="WEBHOOK_PORT"),
        tap.before(behind[1], at=ports[1], variable="STREAM_PORT"),
        running_stack(
            replace(
                settings,
                gemini_api_key=API_KEY,
                gemini_base_url=gemini.base_url,
                gemini_ca_file=gemini.ca_file,
                webhook_port=behind[0],
                stream_port=behind[1],
            )
        ) as stack,
    ):
        yield tap, stack.twilio_auth_token


def _url(scheme: str, port: int) -> str:
    return f"{scheme}://127.0.0.1:{port}"

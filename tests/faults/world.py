"""All of Ringdown as processes, to inject faults into."""

import asyncio
import json
import os
import secrets
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import msgspec
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import ClientConnection, connect

from devtools.gemini_stand_in import API_KEY, GeminiStandIn, running_gemini_stand_in
from devtools.processes import SupervisedProcess, free_port
from devtools.stack import Stack, running_stack
from devtools.stack_settings import StackSettings
from ringdown.agents import packaged_agent
from ringdown.calls import CallRecord, CallStatus
from ringdown.calls.dead_letters import DeadLetter, assemble
from ringdown.calls.limits import LineLimits
from ringdown.stores import Store, open_store
from ringdown.tools import ToolAnswer, ToolDeclaration, ToolRequest
from simulators.twilio import Answers, Call, TwilioNetwork
from tests.tool_server import Reply, serving_tool

SCENARIO = Path(__file__).with_name("scenario.yaml")
PERSON = "+14155550199"
LINE = "+14155550100"
CALLER = "+14155550123"
AGENT = "faults"
TOOL = "fault_tool"
TOOL_TIMEOUT_S = 3
_TOOL_WITHIN_S = 10.0
_RECORD_WITHIN_S = 20.0
_APART_S = 0.2
_ALL_BEGUN_WITHIN_S = 2.0


@dataclass(slots=True)
class FaultyTool:
    """A tool that behaves as the latest fault requires."""

    url: str = ""
    status: int = 200
    waits_s: float = 0.0
    asked: Counter[str] = field(default_factory=Counter)
    """How often each call requested the tool."""
    answered: Counter[str] = field(default_factory=Counter)
    """How often it returned to each call, whether or not anyone was still listening."""
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def behaves(self, *, status: int = 200, waits_s: float = 0.0) -> None:
        self.status, self.waits_s = status, waits_s

    async def until(self, happened: Counter[str], call: Call) -> None:
        """Wait until `asked` or `answered` counts something for this call."""
        async with asyncio.timeout(_TOOL_WITHIN_S), self._changed:
            await self._changed.wait_for(lambda: happened[call.identity.call_sid] > 0)

    async def answer(self, request: ToolRequest) -> Reply:
        await self._count(self.asked, request.call.call_sid)
        await asyncio.sleep(self.waits_s)
        await self._count(self.answered, request.call.call_sid)
        return self.status, ToolAnswer(output={"found": True})

    async def _count(self, happened: Counter[str], call_sid: str) -> None:
        async with self._changed:
            happened[call_sid] += 1
            self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class World:
    folder: Path
    stack: Stack
    gemini: GeminiStandIn
    store: Store
    network: TwilioNetwork
    tool: FaultyTool
    token_secret: str

    @asynccontextmanager
    async def call(self, to: str = LINE) -> AsyncIterator[Call]:
        async with self.network.place_call(
            to=to,
            from_=CALLER,
            voice_url=f"{self.stack.webhook_url}/",
            fallback_url=f"{self.stack.webhook_url}/fallback",
            status_url=f"{self.stack.webhook_url}/status",
        ) as call:
            yield call

    @asynccontextmanager
    async def calls(self, count: int) -> AsyncIterator[list[Call]]:
        """Place `count` parallel calls, which begin a little apart, like real calls."""
        apart_s = min(_APART_S, _ALL_BEGUN_WITHIN_S / count)
        async with AsyncExitStack() as open_calls:
            calls: list[Call] = []
            for _ in range(count):
                calls.append(await open_calls.enter_async_context(self.call()))
                await asyncio.sleep(apart_s if count > 1 else 0)
            yield calls

    async def record(self, call: Call) -> CallRecord:
        """The record once the call is over."""
        async with asyncio.timeout(_RECORD_WITHIN_S):
            while True:
                record = await self.store.read_record(call.identity.call_sid)
                if record is not None and record.call.status is CallStatus.ENDED:
                    return record
                await asyncio.sleep(0.1)

    def new_call_sid(self) -> str:
        return f"CA{secrets.token_hex(16)}"

    async def open_call(self) -> str:
        """Ring, for a call whose stream the test opens by hand; returns its SID."""
        sid = self.new_call_sid()
        await self.post_about(sid, "/", "ringing")
        return sid

    async def post(self, call: Call, path: str, call_status: str = "ringing") -> str:
        """Send a webhook of `call` again."""
        return await self.post_about(call.identity.call_sid, path, call_status)

    async def post_about(self, call_sid: str, path: str, call_status: str) -> str:
        """Send a webhook about a call that may not exist; returns the response."""
        form = {"CallSid": call_sid, "CallStatus": call_status, "From": CALLER, "To": LINE}
        url = f"{self.stack.webhook_url}{path}"
        signature = self._validator.compute_signature(url, form)
        async with httpx2.AsyncClient(trust_env=False) as http:
            response = await http.post(url, data=form, headers={"X-Twilio-Signature": signature})
        return response.text

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[ClientConnection]:
        """Open a stream's socket like Twilio, and send nothing on it."""
        url, headers = self.stream_address()
        async with connect(
            url,
            additional_headers=headers,
            compression=None,
            close_timeout=1.0,
            proxy=None,
        ) as socket:
            yield socket

    def stream_address(self) -> tuple[str, dict[str, str]]:
        """Where to open streams, and the headers that Twilio sends."""
        handler = self.stack.processes[-1].command.url.replace("http://", "ws://")
        signature = self._validator.compute_signature(f"{handler}/media", {})
        return f"{handler}/media", {"X-Twilio-Signature": signature}

    def start_message(self, call_sid: str, token: str) -> str:
        stream_sid = f"MZ{secrets.token_hex(16)}"
        start = {
            "accountSid": "AC" + "0" * 32,
            "streamSid": stream_sid,
            "callSid": call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"token": token},
        }
        message = {"event": "start", "sequenceNumber": "1", "start": start}
        return json.dumps({**message, "streamSid": stream_sid})

    async def stream_with(self, call_sid: str, token: str) -> int:
        """Open a stream with this token; returns the code with which it is closed."""
        async with self.socket() as socket:
            await socket.send(self.start_message(call_sid, token))
            async with asyncio.timeout(10):
                await socket.wait_closed()
            return socket.close_code or 1006

    @property
    def _validator(self) -> RequestValidator:
        return RequestValidator(self.stack.twilio_auth_token)

    @property
    def store_path(self) -> Path:
        return Path(self.stack.store_url.removeprefix("sqlite:"))

    @property
    def writers(self) -> list[int]:
        """The processes that write the store."""
        names = ("incoming_call", "stream_handler")
        running = (p for p in self.stack.processes if p.command.name.startswith(names))
        return [pid for p in running if p.pid is not None for pid in _family(p.pid)]

    async def dead_letters(self, calls: Sequence[Call]) -> list[DeadLetter]:
        """The dead letter of each call, once they are all in the log."""
        sids = {call.identity.call_sid for call in calls}
        async with asyncio.timeout(_RECORD_WITHIN_S):
            while True:
                logs = await asyncio.to_thread(self._handlers_log)
                letters = [one for one in assemble(logs).letters if one.call.call_sid in sids]
                if {letter.call.call_sid for letter in letters} == sids:
                    return letters
                await asyncio.sleep(0.5)

    def _handlers_log(self) -> list[str]:
        logs = (self.folder / "logs").glob("stream_handler*.log")
        return [line for log in logs for line in log.read_text("utf-8").splitlines()]

    @property
    def handlers(self) -> list[SupervisedProcess]:
        return [p for p in self.stack.processes if p.command.name.startswith("stream_handler")]

    def signal(self, handler: SupervisedProcess, number: signal.Signals) -> None:
        if handler.pid is not None:
            os.kill(handler.pid, number)

    async def all_ready(self) -> None:
        """Wait until every handler serves, including those that were killed."""
        async with asyncio.timeout(30):
            for handler in self.handlers:
                while not await _accepts(handler.command.url):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.1)


@asynccontextmanager
async def running_world(
    folder: Path, *, handlers: int = 2, scenario: Path = SCENARIO
) -> AsyncIterator[World]:
    token_secret = secrets.token_hex(32)
    tool = FaultyTool()
    async with (
        running_gemini_stand_in(scenario, folder / "model") as gemini,
        serving_tool(tool.answer) as tool.url,
    ):
        settings = StackSettings(
            out=folder,
            gemini_api_key=API_KEY,
            gemini_base_url=gemini.base_url,
            gemini_ca_file=gemini.ca_file,
            webhook_port=free_port(),
            stream_port=free_port(),
            handlers=handlers,
            fallback_number=PERSON,
            stream_token_secret=token_secret,
        )
        async with running_stack(settings) as stack, open_store(stack.store_url) as store:
            network = TwilioNetwork(
                auth_token=stack.twilio_auth_token,
                dialled={PERSON: Answers("This is a person.")},
            )
            await _write_agent(store, tool.url)
            # One caller calls again and again, so a line with limits would soon be busy.
            unlimited = dict.fromkeys(LineLimits.__struct_fields__)
            await store.write_limits(msgspec.convert(unlimited, LineLimits))
            yield World(folder, stack, gemini, store, network, tool, token_secret)


async def _write_agent(store: Store, tool_url: str) -> None:
    tool = ToolDeclaration(
        name=TOOL,
        description="Looks an account up.",
        parameters={"type": "object", "properties": {"account_number": {"type": "string"}}},
        url=tool_url,
        timeout_s=TOOL_TIMEOUT_S,
    )
    await store.write_tool(tool)
    agent = msgspec.structs.replace(
        packaged_agent(), instructions="You answer a test line.", tools=(TOOL,), notice=""
    )
    await store.write_agent(AGENT, msgspec.to_builtins(agent), over=None)
    await store.write_number(LINE, AGENT)


def _family(pid: int) -> list[int]:
    """A process and the processes it has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return [pid, *(one for child in children for one in _family(int(child)))]


async def _accepts(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    return True

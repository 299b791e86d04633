"""A line that operators work on: the parts and their commands as processes, and spoken calls."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from ops.following import complete_record
from ops.gemini_stand_in import API_KEY
from ops.judge import Sentence, judge
from ops.processes import Command, SupervisedProcess, free_port, python
from ops.stack import ROOT, Stack, StackSettings, inherited, running_stack
from ringdown.calls import CallRecord
from ringdown.stores import Store, open_store
from ringdown.tools import Json, ToolDeclaration
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.gemini_live.messages import OUTPUT_HZ
from simulators.gemini_live.scenario import MODEL_VOICE, PlannedCall, Reply, Scenario, Turn
from simulators.gemini_live.server import GeminiLiveServer
from simulators.speech.synthesis import synthesize
from simulators.twilio import Call, TwilioNetwork
from tests.ringdown.seeding import write_agent

CALLER = "+14155550123"
LINE = "+14155550100"
OPENS_AT_NINE = "We open at nine."
GREETING = "Hello, this is the bakery."
WHEN = "When do you open?"
BREAD = "Do you have any bread?"
NO_ANSWER = "I am sorry, I cannot see that just now."

BAKERY: Mapping[str, Json] = {
    "instructions": f"You answer the phone of a bakery.\n\n{OPENS_AT_NINE}\n",
    "greeting": GREETING,
    "notice": "",
    "tools": ["check_bread"],
}
"""What the model says comes from its instructions alone, so an edit can be heard."""

_SCENARIO = Scenario(
    greeting=Reply(say="{quoted}"),
    turns=(
        Turn(name="opening", heard=("when do you open",), reply=Reply(say="{instructed}")),
        Turn(
            name="bread",
            heard=("do you have any bread",),
            reply=Reply(
                say="One moment, please.",
                calls=(PlannedCall("check_bread"),),
                then="Yes, we have.",
                otherwise=NO_ANSWER,
            ),
        ),
    ),
    unknown=Reply(say="I did not catch that."),
)
_LINE_HZ = 8_000
_COMMAND_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class OperatedLine:
    """A running line. `steps` has what was timed, in seconds."""

    stack: Stack
    store: Store
    gemini: GeminiLiveServer
    folder: Path
    environ: Mapping[str, str]
    edited_url: str
    """Where `agent_edited` takes the database's events."""
    steps: list[tuple[str, float]] = field(default_factory=list)

    # What operators do

    async def ringdown(self, *argv: str, editor: str = "", status: int = 0) -> str:
        """Run a command as a process, and return what it said; `editor` is EDITOR."""
        process = await asyncio.create_subprocess_exec(
            *(python(), "-m", "ops", *argv),
            cwd=self.folder,
            env={**self.environ, "STORE_URL": self.stack.store_url, "EDITOR": editor},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(_COMMAND_WITHIN_S):
            said, _ = await process.communicate()
        assert process.returncode == status, f"ringdown {' '.join(argv)}:\n{said.decode()}"
        return said.decode()

    def editor(self, before: str, after: str) -> str:
        """An EDITOR in which the person replaces `before` by `after`, and saves."""
        path = self.folder / f"editor{len(list(self.folder.glob('editor*')))}.py"
        path.write_text(
            "import pathlib, sys\nfile = pathlib.Path(sys.argv[1])\ntext = file.read_text()\n"
            f"assert {before!r} in text, text\n"
            f"file.write_text(text.replace({before!r}, {after!r}))\n"
        )
        return f"{sys.executable} {path}"

    async def save_in_the_console(self, **fields: Json) -> None:
        """Save one field after the other, as the console does: each a write, with its event."""
        for name, value in fields.items():
            stored = await self.store.read_agent("default")
            assert stored is not None
            document = {**stored.document, name: value}
            await self.store.write_agent("default", document, over=stored.version)
            await self.send_event("agents/default")

    async def send_event(self, document: str) -> None:
        """What Firestore sends after each write to `document`."""
        headers = {
            "ce-id": f"event-{time.monotonic_ns()}",
            "ce-source": "//firestore.googleapis.com/projects/ringdown/databases/(default)",
            "ce-specversion": "1.0",
            "ce-type": "google.cloud.firestore.document.v1.written",
            "ce-document": document,
            "content-type": "application/protobuf",
        }
        async with httpx2.AsyncClient(trust_env=False) as http:
            answer = await http.post(self.edited_url, content=b"\n", headers=headers, timeout=10)
        assert answer.is_success, answer.text

    # What callers do

    @asynccontextmanager
    async def call(self) -> AsyncIterator[Call]:
        """A call that rings when the body begins, and is over when it ends."""
        network = TwilioNetwork(auth_token=self.stack.twilio_auth_token)
        async with network.place_call(
            to=LINE,
            from_=CALLER,
            voice_url=f"{self.stack.webhook_url}/",
            status_url=f"{self.stack.webhook_url}/status",
        ) as call:
            yield call

    async def ask(self, *questions: str) -> Call:
        """Call, hear the greeting, ask, hear the answers, hang up."""
        async with self.call() as call:
            await call.agent_silent_for(0.7)
            for question in questions:
                await call.say(question)
                await call.agent_silent_for(1.2)
            await call.hang_up()
        return call

    async def record(self, call: Call) -> CallRecord:
        """The call's record, once it is complete."""
        record = await complete_record(self.store, call.identity.call_sid)
        assert record is not None
        return record

    # What is told of it

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        began_s = time.perf_counter()
        yield
        self.steps.append((step, time.perf_counter() - began_s))

    def tell(self, story: str) -> None:
        """Print the steps, for `pytest -rA` to show."""
        print(f"\n{story}")  # noqa: T201 - for the person who runs the test
        for step, seconds in self.steps:
            print(f"  {seconds:6.2f} s  {step}")  # noqa: T201


async def heard(call: Call, sentence: str) -> bool:
    """Whether the sentence came to the caller's ear, word for word and sample for sample."""

    def look() -> bool:
        spoken = synthesize(sentence, rate_hz=OUTPUT_HZ, voice=MODEL_VOICE)
        (found,) = judge(
            [Sentence(sentence, spoken, OUTPUT_HZ)], call.recording.agent, rate_hz=_LINE_HZ
        )
        return found.ok

    return await asyncio.to_thread(look)


@asynccontextmanager
async def operated_line(
    folder: Path, store_url: str, gemini_live_server: GeminiLiveServerFactory, **fields: Json
) -> AsyncIterator[OperatedLine]:
    """Start the parts and let the bakery answer, with `fields` changed."""
    gemini = await gemini_live_server(_SCENARIO)
    settings = StackSettings(
        out=folder,
        gemini_api_key=API_KEY,
        gemini_base_url=gemini.base_url,
        gemini_ca_file=gemini.ca_file,
        webhook_port=free_port(),
        stream_port=free_port(),
        store_url=store_url,
        inherited=inherited(os.environ),
    )
    async with (
        running_stack(settings) as stack,
        _agent_edited(settings, store_url) as edited_url,
        open_store(store_url) as store,
    ):
        nowhere = ToolDeclaration(
            name="check_bread", description="Counts loaves.", url=f"http://127.0.0.1:{free_port()}"
        )
        await store.write_tool(nowhere)
        await write_agent(store, "default", {**BAKERY, **fields})
        line = OperatedLine(stack, store, gemini, folder, settings.inherited, edited_url)
        await line.send_event("agents/default")
        yield line


@asynccontextmanager
async def _agent_edited(settings: StackSettings, store_url: str) -> AsyncIterator[str]:
    """The function that Firestore runs for every edit, as a process."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    source = ROOT / "functions" / "agent_edited" / "main.py"
    process = SupervisedProcess(
        Command(
            name="agent_edited",
            argv=(
                *(python(), "-m", "functions_framework", "--target", "agent_edited"),
                *("--source", str(source), "--signature-type", "cloudevent"),
                *("--host", "127.0.0.1", "--port", str(port)),
            ),
            environ={
                **settings.inherited,
                "PYTHONPATH": str(ROOT / "shared"),
                "STORE_URL": store_url,
            },
            url=url,
        ),
        settings.out / "logs" / "agent_edited.log",
    )
    try:
        await process.start()
        yield url
    finally:
        await process.stop()

"""A line that operators work on: all its parts, their commands, and spoken calls.

With the embedded store, everything is in this process, on a clock that jumps; otherwise the parts
are processes, in real time.
"""

import asyncio
import io
import os
import sys
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from devtools.following import complete_record
from devtools.judge import Sentence, judge
from devtools.processes import free_port
from devtools.stack import ROOT, Stack, running_stack
from devtools.stack_settings import StackSettings, inherited
from ringdown.calls import CallRecord
from ringdown.stores import Store, open_store
from ringdown.tools import Json, ToolDeclaration
from ringdown_cli.command_line import main
from ringdown_cli.terminal import Terminal
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.gemini_live.messages import OUTPUT_HZ
from simulators.gemini_live.scenario import MODEL_VOICE, PlannedCall, Reply, Scenario, Turn
from simulators.gemini_live.server import GeminiLiveServer
from simulators.speech.synthesis import synthesize
from simulators.twilio import Call
from tests.ringdown.seeding import write_agent
from tests.whole_line import phone_network, running_line, served_function, settings_with

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
"""The model speaks only from its instructions, so an edit can be heard."""

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


@dataclass(frozen=True, slots=True)
class OperatedLine:
    stack: Stack
    store: Store
    gemini: GeminiLiveServer
    folder: Path
    environ: Mapping[str, str]
    edited_url: str
    """The URL at which `agent_edited` receives the database's events."""

    # What operators do

    async def ringdown(
        self, *argv: str, editor: str = "", answers: str = "", status: int = 0
    ) -> str:
        """Run a command as another process would, and return its output. `editor` is EDITOR,
        `answers` is what the person types."""
        said = io.StringIO()
        environ = {**self.environ, "STORE_URL": self.stack.store_url, "EDITOR": editor}
        ended = await asyncio.to_thread(
            main,
            argv,
            environ=environ,
            terminal=Terminal(io.StringIO(answers), said, said),
            out=self.folder / "out",
        )
        assert ended == status, f"ringdown {' '.join(argv)}:\n{said.getvalue()}"
        return said.getvalue()

    def editor(self, before: str, after: str) -> str:
        """An EDITOR in which the person replaces `before` with `after`, and saves."""
        path = self.folder / f"editor{len(list(self.folder.glob('editor*')))}.py"
        path.write_text(
            "import pathlib, sys\nfile = pathlib.Path(sys.argv[1])\ntext = file.read_text()\n"
            f"assert {before!r} in text, text\n"
            f"file.write_text(text.replace({before!r}, {after!r}))\n"
        )
        return f"{sys.executable} {path}"

    async def save_in_the_console(self, **fields: Json) -> None:
        """Save fields one at a time, as the console does: each is a write, with its event."""
        for name, value in fields.items():
            stored = await self.store.read_agent("default")
            assert stored is not None
            document = {**stored.document, name: value}
            await self.store.write_agent("default", document, over=stored.version)
            await self.send_event("agents/default")

    async def send_event(self, document: str) -> None:
        """Send the event that Firestore sends after each write to `document`."""
        headers = {
            "ce-id": f"event-{uuid.uuid4()}",
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
    async def call(self, *, from_: str = CALLER, to: str = LINE) -> AsyncIterator[Call]:
        """A call that rings when the body begins, and is over when it ends."""
        async with phone_network(self.stack).place_call(
            to=to,
            from_=from_,
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


async def heard(call: Call, sentence: str) -> bool:
    """Whether the caller heard the sentence, word for word and sample for sample."""

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
    settings = settings_with(folder, gemini, store_url=store_url, inherited=inherited(os.environ))
    on_sqlite = store_url.startswith("sqlite:")
    async with (
        running_line(settings) if on_sqlite else running_stack(settings) as stack,
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
    """Serve the function that Firestore runs for every edit."""
    port = free_port()
    source = ROOT / "functions" / "agent_edited" / "main.py"
    environ = {**settings.inherited, "STORE_URL": store_url}
    with io.StringIO() as log:
        async with served_function("agent_edited", source, port, environ, log):
            yield f"http://127.0.0.1:{port}"

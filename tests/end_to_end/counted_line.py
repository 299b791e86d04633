"""A line for counted calls: its parts as processes, with Firestore's emulator.

The emulator is behind a hop that can disappear, and behind a proxy that sees every write and can
be slow.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2
import msgspec

from devtools.gemini_stand_in import API_KEY
from devtools.processes import free_port, python
from devtools.stack import Stack, running_stack
from devtools.stack_settings import StackSettings, inherited
from ringdown.calls.limits import LineLimits
from ringdown.stores import Store, open_store
from ringdown.tools import ToolAnswer, ToolDeclaration, ToolRequest
from simulators.hop import Hop, hop_before
from simulators.twilio.identity import new_sid
from tests.emulator import VARIABLE
from tests.end_to_end.counted_calls import (
    TOOL,
    CountedCall,
    CountingModel,
    Exchange,
    counting_model,
)
from tests.ringdown.stores.recording_proxy import RecordingProxy, recording_proxy
from tests.tool_server import Reply, serving_tool

_MOST_CALLS = 60
_RINGS_PER_S = 10.0
_TALKING_WITHIN_S = 60.0
_RECORDED_WITHIN_S = 30.0
_AGENT = {
    "instructions": "The caller is {caller_number}.",
    "greeting": "Hello.",
    "notice": "",
    "protect_greeting": False,
    "tools": [TOOL],
}


@dataclass(frozen=True, slots=True)
class CountedLine:
    """The running parts, and what surrounds them."""

    stack: Stack
    store: Store
    hop: Hop
    firestore: RecordingProxy
    model: CountingModel
    exchange: Exchange
    tool_requests: Counter[tuple[str, int]]
    folder: Path

    def ringing(self, count: int, turns: int) -> list[CountedCall]:
        known = len(self.model.calls)
        calls = [CountedCall(known + n, turns, new_sid("CA")) for n in range(count)]
        self.model.calls.update((call.caller, call) for call in calls)
        return calls

    async def carry(self, calls: Sequence[CountedCall]) -> None:
        """Carry all calls in parallel; they begin one after another."""
        async with asyncio.TaskGroup() as group:
            for call in calls:
                group.create_task(self.exchange.carry(call))
                await asyncio.sleep(1 / _RINGS_PER_S)

    async def until_talking(self, calls: Sequence[CountedCall]) -> None:
        async with asyncio.timeout(_TALKING_WITHIN_S):
            while not all(call.spoken for call in calls):  # noqa: ASYNC110 - another process's doing
                await asyncio.sleep(0.05)

    async def settled(self, calls: Sequence[CountedCall]) -> None:
        """Wait until the records are correct, but not for ever: tests check them afterwards."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_RECORDED_WITHIN_S):
                for call in calls:
                    while await self._differs(call):  # noqa: ASYNC110 - another process's doing
                        await asyncio.sleep(0.3)

    async def until_letters_have_left(self, calls: Sequence[CountedCall]) -> None:
        due = {call.call_sid for call in calls}
        async with asyncio.timeout(_RECORDED_WITHIN_S):
            while due - self._letters():  # noqa: ASYNC110 - another process's doing
                await asyncio.sleep(0.2)

    async def replay_letters(self) -> str:
        """Restore the records in the stream handler's log, as operators do; returns the output."""
        if not self._letters():
            return ""
        process = await asyncio.create_subprocess_exec(
            *(python(), "-m", "ringdown_cli", "calls", "replay", str(self._log)),
            *("--store", self.stack.store_url),
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        return said.decode()

    @property
    def _log(self) -> Path:
        return self.folder / "logs" / "stream_handler.log"

    def _letters(self) -> set[str]:
        """The calls that left dead letters."""
        lines = self._log.read_text("utf-8").splitlines()
        return {json.loads(x)["call_sid"] for x in lines if '"ringdown_dead_letter"' in x}

    async def _differs(self, call: CountedCall) -> bool:
        return bool(call.differences(await self.store.read_record(call.call_sid)))


async def differences(project: str, calls: Sequence[CountedCall]) -> list[str]:
    async with open_store(f"firestore:{project}") as store:
        return [
            difference
            for call in calls
            for difference in call.differences(await store.read_record(call.call_sid))
        ]


@asynccontextmanager
async def counted_line(project: str, folder: Path) -> AsyncIterator[CountedLine]:
    """Run a line for fifty calls, whose webhook has answered one already and so knows the agent.

    The test and `ringdown` reach the emulator directly, the parts through hop and proxy.
    """
    emulator = os.environ[VARIABLE]
    tool_requests: Counter[tuple[str, int]] = Counter()

    async def count(request: ToolRequest) -> Reply:
        tool_requests[request.call.caller, request.args["n"]] += 1
        return 200, ToolAnswer(output=request.args)

    async with (
        recording_proxy(emulator) as firestore,
        hop_before(firestore.host) as hop,
        counting_model(folder) as model,
        serving_tool(count) as tool_url,
        open_store(f"firestore:{project}") as store,
        httpx2.AsyncClient(
            trust_env=False, limits=httpx2.Limits(max_keepalive_connections=0)
        ) as http,
    ):
        unlimited = dict.fromkeys(LineLimits.__struct_fields__)
        await store.write_limits(msgspec.convert(unlimited, LineLimits))
        await store.write_agent("default", _AGENT, over=None)
        await store.write_tool(ToolDeclaration(name=TOOL, description="Counts.", url=tool_url))
        settings = StackSettings(
            out=folder,
            gemini_api_key=API_KEY,
            gemini_base_url=model.url,
            gemini_ca_file=model.ca_file,
            webhook_port=free_port(),
            stream_port=free_port(),
            store_url=f"firestore:{project}",
            inherited={
                **inherited(os.environ),
                VARIABLE: hop.host,
                "MAX_CALLS": str(_MOST_CALLS),
            },
        )
        async with running_stack(settings) as stack:
            exchange = Exchange(stack, http)
            line = CountedLine(stack, store, hop, firestore, model, exchange, tool_requests, folder)
            await line.carry(line.ringing(1, turns=1))  # the webhook has seen the agent
            tool_requests.clear()
            yield line

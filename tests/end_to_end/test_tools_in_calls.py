"""Tools in whole calls, over real sockets and with real speech.

One stack with a tool that ships, one model, and one server with the test's tools; every story is a
separate call.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import pytest

from devtools.stack import Stack
from ringdown.agents import packaged_agent
from ringdown.audio.telephone import decode_mulaw
from ringdown.calls import CallRecord, Speaker, ToolOutcome
from ringdown.calls.flights import unpack
from ringdown.stores import open_store
from ringdown.tools import ToolAnswer, ToolDeclaration, ToolRequest
from simulators.twilio import Call
from stream_handler.call.events import DtmfReceived, Event
from stream_handler.record.flight_record import read_flight
from stream_handler.tones import waiting_tone
from tests.end_to_end.playing import Story, play, record_of
from tests.ringdown.seeding import write_agent
from tests.whole_line import running_gemini, running_line, settings_with

SCENARIO = Path(__file__).with_name("tools_in_calls.yaml")
PIN = "50738264"
PHRASE = "That takes a moment."
SLOW_S = 4.0
QUEUE_S = 8.0
"""So slow that callers interrupt it, or hang up on it."""


# The callers


async def ask_what_is_in_an_article(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("How does the family plan work?")
    await call.agent_silent_for(1.5)
    await call.hang_up()


async def interrupt_a_slow_tool(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("How long does it take?")
    await call.agent_started_speaking()
    await call.wait(5.0)
    await call.say("What is my balance?")
    await call.agent_silent_for(1.5)
    await call.hang_up()


async def hang_up_on_a_slow_tool(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("How long does it take?")
    await call.agent_started_speaking()
    await call.wait(1.5)
    await call.hang_up()


async def wait_for_a_slow_tool(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("When is my next delivery?")
    await call.agent_started_speaking()
    await call.wait(SLOW_S + 2.0)
    await call.agent_silent_for(1.5)
    await call.hang_up()


async def ask_three_things_at_once(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("Tell me everything, please.")
    await call.agent_silent_for(1.5)
    await call.hang_up()


async def ask_for_what_fails(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("Please repair my computer.")
    await call.agent_silent_for(1.5)
    await call.hang_up()


async def type_a_pin(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("I want to use my number.")
    await call.agent_silent_for(0.5)
    await call.press(PIN)
    await call.agent_silent_for(0.5)
    await call.say("What is my balance?")
    await call.agent_silent_for(1.5)
    await call.hang_up()


STORIES: Mapping[str, Story] = {
    "+14155550140": ask_what_is_in_an_article,
    "+14155550141": interrupt_a_slow_tool,
    "+14155550142": hang_up_on_a_slow_tool,
    "+14155550143": wait_for_a_slow_tool,
    "+14155550144": ask_three_things_at_once,
    "+14155550145": ask_for_what_fails,
    "+14155550146": type_a_pin,
}


# The tools


@dataclass(slots=True)
class Tools:
    """The tools' server, and the requests it got, by call SID."""

    url: str = ""
    requests: dict[str, list[ToolRequest]] = field(default_factory=lambda: defaultdict(list))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                await self._answer(msgspec.json.decode(body, type=ToolRequest), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, request: ToolRequest, writer: asyncio.StreamWriter) -> None:
        self.requests[request.call.call_sid].append(request)
        status, body = "200 OK", b""
        match request.name:
            case "count_queue":
                await asyncio.sleep(QUEUE_S)
            case "find_delivery":
                await asyncio.sleep(SLOW_S)
            case "repair":
                status, body = "500 Internal Server Error", b"<html>Traceback: PIN 0000</html>"
            case _:
                pass
        body = body or msgspec.json.encode(ToolAnswer(output=OUTPUTS[request.name]))
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()


OUTPUTS: Mapping[str, dict[str, str]] = {
    "check_balance": {"balance": "twelve"},
    "find_delivery": {"day": "Thursday"},
    "find_plan": {"plan": "family"},
    "find_name": {"name": "Alex"},
    "repair": {},
    "count_queue": {"waiting": "three"},
}


def declarations(url: str) -> tuple[ToolDeclaration, ...]:
    usual = [
        ToolDeclaration(name=name, description=f"Does {name}.", url=url, timeout_s=20)
        for name in OUTPUTS
    ]
    special: dict[str, dict[str, object]] = {
        "check_balance": {"digits": ("pin",)},
        "find_delivery": {"behavior": "non_blocking", "waiting": "phrase"},
    }
    return tuple(msgspec.structs.replace(tool, **special.get(tool.name, {})) for tool in usual)


@asynccontextmanager
async def running_tools() -> AsyncIterator[Tools]:
    tools = Tools()
    server = await asyncio.start_server(tools.serve, "127.0.0.1", 0)
    async with server:
        tools.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        yield tools


# What the calls left behind


@dataclass(frozen=True, slots=True)
class Played:
    call: Call
    record: CallRecord
    requests: list[ToolRequest]

    @property
    def told(self) -> str:
        """What the agent said after its greeting. A turn may continue with a tool's result."""
        turns = [turn for turn in self.record.turns if turn.speaker is Speaker.AGENT]
        return "".join(turn.text for turn in turns[1:])

    @property
    def outcomes(self) -> list[tuple[str, ToolOutcome]]:
        return [(call.name, call.outcome) for call in self.record.tool_calls]

    @property
    def tones_heard(self) -> int:
        """How many complete tones the caller heard; they arrive unchanged, so can be counted."""
        heard = np.asarray(self.call.recording.agent, np.int16).tobytes()
        return heard.count(decode_mulaw(waiting_tone()).tobytes())


@pytest.mark.timeout(150)
async def test_tools_in_calls(tmp_path: Path) -> None:
    played = await play_all(tmp_path)
    asked, interrupted, hung_up, waited, all_at_once, failed, typed = played

    _the_answer_is_spoken(asked)
    _a_slow_tool_is_covered_by_a_tone_until_the_caller_speaks(interrupted)
    _a_slow_tool_is_finished_although_the_caller_hangs_up(hung_up)
    _a_phrase_covers_a_tool_that_the_model_does_not_wait_for(waited)
    _three_tools_in_one_turn_are_answered_together(all_at_once)
    _a_tool_that_fails_does_not_spoil_the_call(failed)
    _a_pin_is_found_nowhere_but_at_its_tool(typed, tmp_path)
    flight = await _flight_of(typed, tmp_path)
    keys = [event.digit for event in flight if isinstance(event, DtmfReceived)]
    assert len(keys) == len(PIN)
    assert len(set(keys)) == 1, "the flight record reveals which keys were pressed"


def _the_answer_is_spoken(asked: Played) -> None:
    """The answer comes from the articles of the tool that ships."""
    assert asked.outcomes == [("search_knowledge_base", ToolOutcome.ANSWERED)]
    assert "The family plan feeds four" in str(asked.record.tool_calls[0].output)
    assert asked.told == "Let me see.It feeds four."
    assert asked.tones_heard == 0, "a quick tool needs no tone"


def _a_slow_tool_is_covered_by_a_tone_until_the_caller_speaks(interrupted: Played) -> None:
    assert interrupted.tones_heard in (1, 2)
    assert interrupted.outcomes == [
        ("count_queue", ToolOutcome.ANSWERED),
        ("check_balance", ToolOutcome.ANSWERED),
    ]
    assert interrupted.told == "I will look.One moment.Your balance is twelve dollars."


def _a_slow_tool_is_finished_although_the_caller_hangs_up(hung_up: Played) -> None:
    assert hung_up.outcomes == [("count_queue", ToolOutcome.ANSWERED)]


def _a_phrase_covers_a_tool_that_the_model_does_not_wait_for(waited: Played) -> None:
    assert waited.told == f"Let me ask.{PHRASE}It comes on Thursday."
    assert waited.outcomes == [("find_delivery", ToolOutcome.ANSWERED)]


def _three_tools_in_one_turn_are_answered_together(all_at_once: Played) -> None:
    assert sorted(all_at_once.outcomes) == [
        ("check_balance", ToolOutcome.ANSWERED),
        ("find_name", ToolOutcome.ANSWERED),
        ("find_plan", ToolOutcome.ANSWERED),
    ]
    assert all_at_once.told == "Gladly.You are Alex, with the family plan."
    keys = {request.idempotency_key for request in all_at_once.requests}
    assert len(keys) == 3


def _a_tool_that_fails_does_not_spoil_the_call(failed: Played) -> None:
    assert failed.told == "I will try.I am sorry, that did not work."
    assert failed.outcomes == [("repair", ToolOutcome.FAILED)]
    assert failed.record.tool_calls[0].error == "The tool failed."


def _a_pin_is_found_nowhere_but_at_its_tool(typed: Played, folder: Path) -> None:
    assert [request.digits for request in typed.requests] == [{"pin": PIN}]
    assert typed.told.endswith("Your balance is twelve dollars.")
    files = [path for path in folder.rglob("*") if path.is_file()]
    kinds = {path.suffix for path in files}
    assert {".db", ".log", ".json"} <= kinds, (
        f"expected record, logs and the model's messages: {kinds}"
    )
    assert [path.name for path in files if PIN.encode() in path.read_bytes()] == []


async def _flight_of(played: Played, folder: Path) -> list[Event]:
    """All events of the call, as recorded for replay."""
    async with open_store(f"sqlite:{folder / 'ringdown.db'}") as store:
        parts = await store.read_flights(played.record.call.call_sid)
    return [happened.event for happened in read_flight(unpack(parts)).happened]


async def play_all(folder: Path) -> list[Played]:
    """Play all stories in parallel; every process has stopped when this returns."""
    async with (
        running_gemini(SCENARIO, folder / "model") as gemini,
        running_tools() as tools,
        running_line(
            settings_with(folder, gemini, served_tools=("search_knowledge_base",))
        ) as stack,
    ):
        await _write_documents(stack, tools.url)
        calls = await asyncio.gather(*(play(stack, to, story) for to, story in STORIES.items()))
        await asyncio.sleep(QUEUE_S)
        return [
            Played(call, await record_of(stack, call), tools.requests[call.identity.call_sid])
            for call in calls
        ]


async def _write_documents(stack: Stack, url: str) -> None:
    agent = msgspec.structs.replace(
        packaged_agent(),
        notice="",
        tools=("search_knowledge_base", *OUTPUTS),
        google_search=True,
        waiting_phrases=(PHRASE, "I am still looking."),
    )
    async with open_store(stack.store_url) as store:
        for tool in declarations(url):
            await store.write_tool(tool)
        await write_agent(store, "with-tools", agent)
        for to in STORIES:
            await store.write_number(to, "with-tools")

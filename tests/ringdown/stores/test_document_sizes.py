"""Every document fits at its largest; Firestore and its emulator refuse more than 1 MiB."""

import os
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from ringdown.agents import Agent, Example
from ringdown.agents.check import findings
from ringdown.agents.opening_hours import OpeningHours
from ringdown.agents.store import AgentStatus, Revision
from ringdown.calls import Call, CallChanges, Reconnect, Resumption
from ringdown.calls.flights import pack
from ringdown.stores import Store
from ringdown.tools import ToolDeclaration
from ringdown.tools.check import problems_with_tool
from tests.ringdown.samples import CALL_SID, CALLER, NOW, a_call, a_tool, a_tool_call, a_turn

FOUR_BYTES = "🙂"
SENTENCE = FOUR_BYTES * 500
NAMES = tuple(f"tool_{n:02}" for n in range(64))
REVISION = "0123456789ab"


def agent_with(examples: int) -> Agent:
    return Agent(
        instructions=FOUR_BYTES * 20_000,
        greeting=SENTENCE,
        notice=FOUR_BYTES * 300,
        tools=NAMES,
        transfer_numbers={f"person_{n:057}": "+14155550111" for n in range(100)},
        time_zone="Europe/Berlin",
        opening_hours=OpeningHours(monday="09:00-17:00", message=SENTENCE),
        waiting_phrases=(SENTENCE,) * 20,
        examples=(Example(caller=SENTENCE, answer_contains=(SENTENCE,) * 20),) * examples,
    )


def largest_agent() -> Agent:
    examples = 1
    while findings(msgspec.to_builtins(agent_with(examples + 1))).agent is not None:
        examples += 1
    return agent_with(examples)


AGENT = largest_agent()
DOCUMENT = msgspec.to_builtins(AGENT)


def largest_tool(name: str) -> ToolDeclaration:
    tool, size = a_tool(name), 2_900
    largest = msgspec.structs.replace(tool, description=FOUR_BYTES * size)
    assert list(problems_with_tool(largest, name)) == []
    larger = msgspec.structs.replace(tool, description=FOUR_BYTES * (size + 100))
    assert list(problems_with_tool(larger, name)) != []
    return largest


def largest_call() -> Call:
    return msgspec.structs.replace(
        a_call(agent=msgspec.structs.replace(AGENT, examples=())),
        tools=tuple(map(largest_tool, NAMES)),
        take_ups=(NOW,) * 10,
        failed_transfers=(f"person_{0:057}",) * 100,
        applied_revisions=(REVISION,) * 1_000,
        reconnects=(Reconnect(at_ms=3_540_000, took_ms=8_000, reason="x" * 123),) * 240,
        resumption=Resumption(handle="h" * 10_000, at_ms=3_540_000),
        caller_memory=FOUR_BYTES * 2_000,
        caller_facts=FOUR_BYTES * 4_000,
        agent_problem=SENTENCE * 10,
    )


async def agent(store: Store) -> None:
    await store.write_agent("default", DOCUMENT, over=None)
    error = "\n".join([SENTENCE] * 11)
    status = AgentStatus(ok=False, revision=REVISION, error=error, checked_at=NOW)
    await store.write_status("default", status)
    assert await store.read_agent("default") is not None


async def draft(store: Store) -> None:
    document = DOCUMENT | {"testers": [CALLER] * 100, "publish": False}
    await store.write_agent("default", document, over=None, draft=True)
    assert await store.read_agent("default", draft=True) is not None


async def revision(store: Store) -> None:
    kept = Revision(revision=AGENT.revision, agent=AGENT, seen_at=NOW)
    await store.keep_revision("default", kept)
    last = await store.last_revision("default")
    assert last is not None
    assert last.agent == kept.agent


async def call(store: Store) -> None:
    assert await store.open_call(largest_call()) == await store.read_call(CALL_SID)


async def turn(store: Store) -> None:
    """Save a fast monologue of 59 minutes, in a script that needs many bytes."""
    await store.open_call(a_call())
    saved = a_turn(1, text="తె" * 50_000)
    await store.save(CALL_SID, 1, CallChanges(turns=(saved,)))
    record = await store.read_record(CALL_SID)
    assert record is not None
    assert record.turns == (saved,)


async def tool_call(store: Store) -> None:
    await store.open_call(a_call())
    value = {"value": "x" * 65_500}
    error = FOUR_BYTES * 8_000
    saved = msgspec.structs.replace(a_tool_call("1"), args=value, output=value, error=error)
    await store.save(CALL_SID, 1, CallChanges(tool_calls=(saved,)))
    record = await store.read_record(CALL_SID)
    assert record is not None
    assert record.tool_calls == (saved,)


async def flight(store: Store) -> None:
    await store.open_call(a_call())
    parts = pack(1, os.urandom(1_000_000))
    await store.keep_flight(CALL_SID, parts)
    assert await store.read_flights(CALL_SID) == parts


LARGEST: tuple[Callable[[Store], Awaitable[None]], ...] = (
    agent,
    draft,
    revision,
    call,
    turn,
    tool_call,
    flight,
)


@pytest.mark.parametrize("write", LARGEST, ids=lambda write: write.__name__)
async def test_the_largest_document_is_kept(
    store: Store, write: Callable[[Store], Awaitable[None]]
) -> None:
    await write(store)


def test_a_larger_agent_is_told_what_to_shorten() -> None:
    larger = agent_with(len(AGENT.examples) + 1)
    [error] = findings(msgspec.to_builtins(larger)).errors
    assert error.startswith("examples: with them, the document has 8")

"""What reaches a call from outside: an edit during the call, and the caller's last call."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from google.cloud.firestore_v1.async_client import AsyncClient

from ringdown.calls import CallRecord, Speaker
from ringdown.calls.callers import Memory
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.gemini_live.record import SessionRecord
from stream_handler.agent_watch import LOOK_EVERY_S
from tests.end_to_end.operated_line import (
    BAKERY,
    CALLER,
    GREETING,
    LINE,
    OPENS_AT_NINE,
    WHEN,
    OperatedLine,
    heard,
    operated_line,
)

OPENS_AT_SEVEN = "We open at seven on weekdays."
EDIT_ARRIVES_WITHIN_S = 10.0

pytestmark = pytest.mark.timeout(120)


async def test_an_edit_reaches_a_live_call(
    tmp_path: Path, store_url: str, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with operated_line(
        tmp_path, store_url, gemini_live_server, apply_to_live_calls=True
    ) as line:
        editor = line.editor(OPENS_AT_NINE, OPENS_AT_SEVEN)
        async with line.call() as call:
            await call.agent_silent_for(0.7)
            await call.say(WHEN)
            await call.agent_silent_for(0.8)
            session = line.gemini.sessions[-1]
            await line.ringdown("agents", "edit", "default", "--yes", editor=editor)
            await session.wait_until(has_new_instructions, timeout_s=EDIT_ARRIVES_WITHIN_S)
            await call.say(WHEN)
            await call.agent_silent_for(0.8)
            await call.hang_up()
        record = await line.record(call)
        shown = await line.ringdown("calls", "show", "last")
        edited = await line.store.last_revision("default")

    assert len(line.gemini.sessions) == 1, "the session must be updated, not reopened"
    assert agent_told(record) == [GREETING, OPENS_AT_NINE, OPENS_AT_SEVEN]
    assert await heard(call, OPENS_AT_SEVEN)
    assert edited is not None
    assert record.call.agent_revision != edited.revision
    assert record.call.applied_revisions == (edited.revision,)
    assert f"applied {edited.revision} during the call" in shown


async def test_an_agent_deleted_while_its_call_runs_takes_nothing_from_it(
    tmp_path: Path, store_url: str, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with operated_line(
        tmp_path, store_url, gemini_live_server, apply_to_live_calls=True
    ) as line:
        await line.store.write_number(LINE, "night")
        await line.store.write_agent("night", {**BAKERY, "apply_to_live_calls": True}, over=None)
        async with line.call() as call:
            await call.agent_silent_for(0.7)
            await delete(store_url, "agents/night")
            await call.say(WHEN)
            await call.agent_silent_for(LOOK_EVERY_S)
            await call.hang_up()
        record = await line.record(call)
        after_it = await line.record(await line.ask(WHEN))

    assert record.call.agent_id == "night"
    assert agent_told(record) == [GREETING, OPENS_AT_NINE]
    assert after_it.call.agent_problem == "agents/night does not exist."
    assert agent_told(after_it) == [GREETING, OPENS_AT_NINE], (
        "the last revision of the deleted agent answers"
    )


async def test_a_caller_is_remembered_by_the_next_call(
    tmp_path: Path, store_url: str, gemini_live_server: GeminiLiveServerFactory
) -> None:
    instructions = f"{BAKERY['instructions']}\nOf this caller we know: {{caller_memory}}\n"
    async with operated_line(
        tmp_path,
        store_url,
        gemini_live_server,
        instructions=instructions,
        remember_callers=True,
    ) as line:
        first = await line.record(await line.ask(WHEN))
        memory = await remembered(line)
        second = await line.record(await line.ask(WHEN))
        one, two = line.gemini.sessions

    assert memory.call_sid == first.call.call_sid
    assert "caller: when do you open" in memory.text
    assert first.call.caller_memory is None
    assert second.call.caller_memory == memory.text
    assert "when do you open" not in instructions_of(one)
    assert f"Of this caller we know: {memory.text}" in instructions_of(two)


async def delete(store_url: str, path: str) -> None:
    """Delete as Firestore's console does, without any check."""
    kind, _, where = store_url.partition(":")
    if kind == "firestore":
        await AsyncClient(project=where).document(path).delete()
        return
    with closing(sqlite3.connect(where)) as connection, connection:
        connection.execute("DELETE FROM documents WHERE path = ?", (path,))


def has_new_instructions(session: SessionRecord) -> bool:
    """Whether a message after the setup has them."""
    return any(OPENS_AT_SEVEN in str(entry.content) for entry in session.received)


def instructions_of(session: SessionRecord) -> str:
    assert session.setup is not None
    return session.setup.system_instruction


def agent_told(record: CallRecord) -> list[str]:
    return [turn.text for turn in record.turns if turn.speaker is Speaker.AGENT]


async def remembered(line: OperatedLine) -> Memory:
    """The caller's memory, written when Twilio reports the end of the call, a little later."""
    async with asyncio.timeout(10):
        while (memory := (await line.store.read_caller(CALLER)).memory) is None:  # noqa: ASYNC110 - theirs
            await asyncio.sleep(0.05)
    return memory

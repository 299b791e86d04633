"""200 calls end: the function is killed at work, messages come twice, and each outcome is written
exactly once."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx2
import pytest
from google.cloud.firestore_v1.async_client import AsyncClient

from devtools.ended_calls import deliver_due
from devtools.processes import Command, SupervisedProcess, free_port
from ringdown import clock
from ringdown.calls.ended_calls import QUEUE, Queue
from ringdown.stores import Store
from ringdown.stores.paths import OF_A_CALLER
from ringdown.tools import Json
from tests.functions.call_ended.test_call_ended import FORM, SAID, end_call
from tests.functions.loading import FUNCTIONS
from tests.functions.text_model_stand_in import Answer, answers, text_model
from tests.ringdown.samples import CALLER, NOW

CALLS = 200
KILLED_AT = (5, 60, 61, 120, 190)
"""Which requests to the model kill the function, and with it whatever else it is doing."""
SIDS = tuple(f"CA{n:032x}" for n in range(CALLS))
_ROOT = FUNCTIONS.parent
_NOTED = """
    CREATE TRIGGER on_{event} AFTER {event} ON documents WHEN NEW.path LIKE 'calls/%/outcome/%'
    BEGIN INSERT INTO writes VALUES (NEW.path || coalesce(NEW.body ->> 'problem', '')); END
"""


@asynccontextmanager
async def the_function(
    folder: Path, store_url: str, gemini_url: str
) -> AsyncIterator[SupervisedProcess]:
    """Run the function in a separate process that is restarted whenever it dies."""
    port = free_port()
    source = str(FUNCTIONS / "call_ended" / "main.py")
    options = ("--target", "call_ended", "--source", source, "--host", "127.0.0.1")
    server = str(_ROOT / "devtools" / "function_server.py")
    environ = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        **{name: text for name, text in os.environ.items() if name.startswith("FIRESTORE_")},
        "PYTHONPATH": str(_ROOT / "shared"),
        "STORE_URL": store_url,
        "GEMINI_API_KEY": "key-0123456789",
        "GEMINI_BASE_URL": gemini_url,
    }
    command = Command(
        name="call_ended",
        argv=(sys.executable, "-P", server, *options, "--port", str(port)),
        environ=environ,
        url=f"http://127.0.0.1:{port}",
    )
    process = SupervisedProcess(command, folder / "call_ended.log")
    await process.start()
    keeping = asyncio.create_task(process.keep_running())
    try:
        yield process
    finally:
        await process.stop()
        await keeping


async def answering(url: str) -> None:
    async with asyncio.timeout(60), httpx2.AsyncClient(trust_env=False) as http:
        while True:
            try:
                await http.get(url)
                return
            except httpx2.TransportError:
                await asyncio.sleep(0.1)


def log_writes(store_url: str) -> None:
    """Have SQLite record each write of an outcome."""
    with closing(sqlite3.connect(store_url.removeprefix("sqlite:"))) as connection, connection:
        connection.execute("CREATE TABLE writes (path TEXT)")
        for event in ("INSERT", "UPDATE"):
            connection.execute(_NOTED.format(event=event))


async def writes(store_url: str) -> dict[str, int]:
    """Count the writes of each call's outcome. On Firestore, 2 stands for more than one."""
    kind, _, place = store_url.partition(":")
    if kind == "sqlite":
        with closing(sqlite3.connect(place)) as connection:
            rows = connection.execute("SELECT path, count(*) FROM writes GROUP BY path")
            return {path.split("/")[1]: count for path, count in rows}
    found = AsyncClient(project=place).collection_group("outcome").stream()
    return {
        doc.reference.path.split("/")[1]: 1 if doc.create_time == doc.update_time else 2
        async for doc in found
    }


@pytest.mark.real_clock
@pytest.mark.timeout(300)
async def test_each_outcome_is_written_once(store: Store, store_url: str, tmp_path: Path) -> None:
    for call_sid in SIDS:
        await end_call(store, call_sid)
    queue = Queue(store.documents)
    for call_sid in (*SIDS, *SIDS):  # Twilio may report the end of a call twice
        await queue.announce(call_sid, CALLER, NOW)
    if store_url.startswith("sqlite:"):
        log_writes(store_url)
    processes: list[SupervisedProcess] = []
    asked = 0

    def answer(record: dict[str, Json]) -> Answer:
        nonlocal asked
        asked += 1
        if asked in KILLED_AT and processes[0].pid is not None:
            os.killpg(processes[0].pid, signal.SIGKILL)  # it leads its process group
        return answers({**FORM, "summary": f"Answer {asked}."})

    with text_model(answer) as gemini:
        async with the_function(tmp_path, store_url, gemini.url) as process:
            processes.append(process)
            async with httpx2.AsyncClient(timeout=60, trust_env=False) as http:
                waiting, later = CALLS, clock.now()
                while waiting:
                    # Two processes deliver everything concurrently, and failures are retried.
                    later += 2 * (later - NOW)
                    both = (
                        deliver_due(store.documents, http, process.command.url, later)
                        for _ in range(2)
                    )
                    waiting = min(await asyncio.gather(*both))
                    if waiting:
                        await answering(process.command.url)

    assert asked > CALLS, "some requests must be repeated after the function died"
    assert await writes(store_url) == dict.fromkeys(SIDS, 1)
    records = [await store.read_record(call_sid) for call_sid in SIDS]
    summaries = {record.outcome.summary for record in records if record and record.outcome}
    assert len(summaries) == CALLS, "no result may end up in another call"
    assert await store.documents.list(QUEUE) == {}


async def test_forgetting_leaves_nothing_of_an_outcome_in_store_or_queue(store: Store) -> None:
    assert QUEUE in OF_A_CALLER
    await end_call(store, SIDS[0], SAID)
    await Queue(store.documents).announce(SIDS[0], CALLER, NOW)
    await store.forget_caller(CALLER)
    assert await store.documents.list(QUEUE) == {}
    assert await store.read_record(SIDS[0]) is None

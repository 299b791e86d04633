import asyncio
import datetime
import io
import json
import logging
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ringdown import log
from ringdown.calls import RETENTION, CallQuery
from ringdown.calls.figures import day_of, read_days
from ringdown.errors import InvalidDocument, StoreUnavailable
from ringdown.stores import Store, open_store
from ringdown.tools import Json
from tests.ringdown.samples import CALL_SID, CALLED, NOW, a_call, a_claim
from tests.ringdown.stores.contract import Put, StoreContract


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records" / "ringdown.db"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the write lock, like a process stuck in a transaction."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def store_url(self, path: Path) -> str:
        return f"sqlite:{path}"

    @pytest.fixture
    def put(self, path: Path, store: Store) -> Put:
        async def put(document_path: str, document: Json) -> None:
            await store.read_line(CALLED)  # creates the table
            write_raw(path, document_path, json.dumps(document))

        return put

    async def test_a_document_that_is_not_json_is_named(self, path: Path, store: Store) -> None:
        await store.open_call(a_call())
        write_raw(path, f"calls/{CALL_SID}", "{not json")
        with pytest.raises(InvalidDocument, match=f"calls/{CALL_SID} isn't JSON"):
            await store.read_call(CALL_SID)

    @pytest.mark.parametrize("depth", [101, 900, 1_500, 5_000, 100_000])
    async def test_a_document_that_is_nested_too_deep_is_named(
        self, path: Path, store: Store, depth: int
    ) -> None:
        await store.open_call(a_call())
        write_raw(path, f"calls/{CALL_SID}", deep(depth))
        write_raw(path, "agents/default", deep(depth))
        with pytest.raises(InvalidDocument, match=f"calls/{CALL_SID} is nested more than 100 deep"):
            await store.read_call(CALL_SID)
        with pytest.raises(InvalidDocument, match="agents/default is nested more than 100 deep"):
            await store.read_line(CALLED)
        assert await store.list_calls(CallQuery()) == ()

    async def test_a_document_may_be_nested_deep(self, path: Path, store: Store) -> None:
        await store.read_line(CALLED)
        write_raw(path, "agents/default", deep(100))
        line = await store.read_line(CALLED)
        assert line.agent is not None
        assert json.dumps(line.agent.document) == deep(100)

    async def test_a_locked_database_is_unavailable_within_its_deadline(
        self, path: Path, store: Store
    ) -> None:
        await store.open_call(a_call())
        with locked(path), pytest.raises(StoreUnavailable, match="locked"):
            await store.claim(CALL_SID, a_claim())
        assert await store.claim(CALL_SID, a_claim()) is not None, "the store must recover"

    async def test_a_locked_database_can_still_be_read(self, path: Path, store: Store) -> None:
        await store.open_call(a_call())
        with locked(path):
            assert await store.read_call(CALL_SID) == a_call()

    @pytest.mark.parametrize("path", [Path("/dev/null/records.db"), Path("/")])
    async def test_a_path_that_cannot_be_used_is_unavailable(
        self, store: Store, path: Path
    ) -> None:
        with pytest.raises(StoreUnavailable, match=str(path)):
            await store.open_call(a_call())

    async def test_a_file_that_is_no_database_is_unavailable(
        self, path: Path, store: Store
    ) -> None:
        write_text(path, "this is a text file, and has been one for many years\n" * 20)
        with pytest.raises(StoreUnavailable, match="not a database"):
            await store.open_call(a_call())

    async def test_what_the_store_logs_carries_the_call(
        self, store: Store, restored_logging: None
    ) -> None:
        lines = io.StringIO()
        log.configure(lines)
        with log.call_bound(CALL_SID):
            await store.read_tools(("missing",))
        logging.shutdown()
        assert json.loads(lines.getvalue())["call_sid"] == CALL_SID


_WRITER = """
import asyncio, sys
from ringdown.calls import CallChanges
from ringdown.stores import open_store
from tests.ringdown.samples import a_call, a_turn

async def main(url, first, last):
    async with open_store(url) as store:
        for n in range(first, last):
            await store.save(a_call().call_sid, 1, CallChanges(turns=(a_turn(n),)))

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""
_OPENER = """
import asyncio, sys
from ringdown.stores import open_store
from tests.ringdown.samples import a_call

async def main(url):
    async with open_store(url) as store:
        await store.open_call(a_call())

asyncio.run(main(sys.argv[1]))
"""
_EACH = 100


async def test_two_processes_write_without_losing_anything(path: Path) -> None:
    url = f"sqlite:{path}"
    async with open_store(url) as store:
        await store.open_call(a_call())
        await store.claim(CALL_SID, a_claim())
        await asyncio.to_thread(
            run_together,
            [_WRITER, url, "0", str(_EACH)],
            [_WRITER, url, str(_EACH), str(2 * _EACH)],
        )
        record = await store.read_record(CALL_SID)
    assert record is not None
    assert [turn.n for turn in record.turns] == list(range(2 * _EACH))


async def test_processes_that_create_the_file_together_all_succeed(path: Path) -> None:
    url = f"sqlite:{path}"
    await asyncio.to_thread(run_together, *([_OPENER, url] for _ in range(4)))
    async with open_store(url) as store:
        assert await store.read_call(CALL_SID) == a_call()


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)


def deep(depth: int) -> str:
    """A JSON document with `depth` levels, counting the document itself."""
    return f'{{"instructions": {"[" * (depth - 1)}{"]" * (depth - 1)}}}'


def write_raw(path: Path, document_path: str, body: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT OR REPLACE INTO documents VALUES (?, ?)", (document_path, body))


def run_together(*scripts: list[str]) -> None:
    """Run Python scripts (source, then arguments) at the same time; all must succeed."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", source, *arguments],
            stderr=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": ":".join(sys.path)},
        )
        for source, *arguments in scripts
    ]
    errors = [process.communicate(timeout=30)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), errors


@contextmanager
def modes(path: Path, mode: int) -> Iterator[None]:
    before = path.stat().st_mode
    path.chmod(mode)
    yield
    path.chmod(before)


@contextmanager
def without_privileges() -> Iterator[None]:
    """Run as a user to whom file modes apply, even if the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


_NOBODY = 65_534


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that anyone may read, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("folder_mode", [0o755, 0o777], ids=["folder too", "file only"])
async def test_a_file_that_may_only_be_read_is_read(open_folder: Path, folder_mode: int) -> None:
    file = open_folder / "ringdown.db"
    async with open_store(f"sqlite:{file}") as store:
        await store.open_call(a_call())
    with modes(file, 0o444), modes(open_folder, folder_mode), without_privileges():
        async with open_store(f"sqlite:{file}") as store:
            assert [call.call_sid for call in await store.list_calls(CallQuery())] == [CALL_SID]
            (day,) = await read_days(store, [day_of(NOW, datetime.UTC)], NOW + RETENTION / 2)
            assert day.figures.calls == 1
            assert await store.read_call(CALL_SID) == a_call()
            with pytest.raises(StoreUnavailable, match="readonly"):
                await store.claim(CALL_SID, a_claim())


async def test_a_disk_that_is_full_is_told_with_what_to_do(path: Path) -> None:
    """A file size limit stands in for a full disk: either way, SQLite's write is refused."""
    async with open_store(f"sqlite:{path}") as store:
        await store.open_call(a_call())
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, limits[1]))
        try:
            with pytest.raises(StoreUnavailable, match="free some disk space"):
                await store.claim(CALL_SID, a_claim())
            assert await store.read_call(CALL_SID) is not None, "reading needs no disk space"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert await store.claim(CALL_SID, a_claim()) is not None, "there is space again"

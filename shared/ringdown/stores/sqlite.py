"""The embedded store: every record a JSON document in one SQLite table, keyed by its path.

The paths are Firestore's (`calls/{sid}/turns/{n}`), so both stores keep the same records. One
thread per process owns the connection; writers of several processes take turns by
`BEGIN IMMEDIATE` in WAL mode.
"""

import asyncio
import contextvars
import datetime
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from ringdown.agents import DEFAULT_AGENT_ID, Agent
from ringdown.calls import (
    Call,
    CallChanges,
    CallQuery,
    CallRecord,
    Claim,
    ToolCall,
    Turn,
    TwilioStatus,
)
from ringdown.documents import Record, to_record
from ringdown.errors import InvalidDocument, StoreUnavailable, Superseded
from ringdown.log import Log
from ringdown.stores import transitions
from ringdown.stores.paths import (
    agent_path,
    call_path,
    claim_path,
    claims_path,
    number_path,
    tool_calls_path,
    tool_path,
    turns_path,
)
from ringdown.stores.storable import Document, documents_below, to_document
from ringdown.tools import Json, ToolDeclaration

_BUSY_TIMEOUT_S = 2.0
_BUSY_RETRY_S = 0.01
_CALL_TIMEOUT_S = 5.0

_log = Log(__name__)
_Result = TypeVar("_Result")


class SqliteStore:
    """Implements `ringdown.stores.Store` on one SQLite file, shared by any number of processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-store")
        self._documents: _Documents | None = None  # belongs to the executor's thread

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, self._close)
        self._executor.shutdown(wait=False)

    def _close(self) -> None:
        if self._documents is not None:
            self._documents.close()

    async def _run(self, work: "Callable[[_Documents], _Result]") -> _Result:
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()  # what the thread logs belongs to the call too
        try:
            async with asyncio.timeout(_CALL_TIMEOUT_S):
                return await loop.run_in_executor(self._executor, context.run, self._work, work)
        except TimeoutError:
            raise StoreUnavailable(f"{self._path} did not answer in {_CALL_TIMEOUT_S} s") from None
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(f"{self._path}: {error}") from error

    def _work(self, work: "Callable[[_Documents], _Result]") -> _Result:
        if self._documents is None:
            self._documents = _Documents(self._path)
        return work(self._documents)

    # Agents and tools

    async def agent_for(self, number: str) -> tuple[str, Agent] | None:
        return await self._run(lambda documents: _agent_for(documents, number))

    async def write_agent(self, agent_id: str, agent: Agent) -> None:
        await self._write(agent_path(agent_id), agent)

    async def write_number(self, number: str, agent_id: str) -> None:
        await self._write(number_path(number), _Number(agent=agent_id))

    async def read_tools(self, names: tuple[str, ...]) -> tuple[ToolDeclaration, ...]:
        return await self._run(lambda documents: tuple(_valid_tools(documents, names)))

    async def write_tool(self, tool: ToolDeclaration) -> None:
        await self._write(tool_path(tool.name), tool)

    async def _write(self, path: str, record: msgspec.Struct) -> None:
        def work(documents: _Documents) -> None:
            with documents.transaction():
                documents.write(path, to_document(record))

        await self._run(work)

    # Calls

    async def open_call(self, call: Call) -> Call:
        def work(documents: _Documents) -> Call:
            with documents.transaction():
                existing = documents.read(Call, call_path(call.call_sid))
                if existing is None:
                    documents.write(call_path(call.call_sid), to_document(call))
                return existing or call

        return await self._run(work)

    async def read_call(self, call_sid: str) -> Call | None:
        return await self._run(lambda documents: documents.read(Call, call_path(call_sid)))

    async def claim(self, call_sid: str, claim: Claim) -> Call | None:
        return await self._run(lambda documents: _claim(documents, call_sid, claim))

    async def save(self, call_sid: str, attempt: int, changes: CallChanges) -> None:
        await self._run(lambda documents: _save(documents, call_sid, attempt, changes))

    async def resume(self, call_sid: str) -> Call | None:
        return await self._run(lambda documents: _change(documents, call_sid, transitions.resumed))

    async def note_twilio_status(
        self, call_sid: str, status: TwilioStatus, at: datetime.datetime
    ) -> bool:
        def decide(call: Call) -> Call:
            return transitions.noted(call, status, at)

        noted = await self._run(lambda documents: _change(documents, call_sid, decide))
        return noted is not None

    async def read_record(self, call_sid: str) -> CallRecord | None:
        return await self._run(lambda documents: _read_record(documents, call_sid))

    async def list_calls(self, query: CallQuery) -> tuple[Call, ...]:
        return await self._run(lambda documents: tuple(_list_calls(documents, query)))


class _Number(msgspec.Struct, frozen=True, kw_only=True):
    agent: str


class _Documents:
    """The table itself; used by one thread."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        try:
            self._enter_wal_mode()
            self._prepare()
        except sqlite3.Error:
            self._connection.close()
            raise

    def _enter_wal_mode(self) -> None:
        """Wait our turn to change a new file's mode.

        SQLite does not apply its busy timeout here: of two processes that upgrade their lock at
        once it refuses one immediately (sqlite.org/c3ref/busy_handler.html), so we ask again.
        """
        deadline = time.monotonic() + _BUSY_TIMEOUT_S
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(_BUSY_RETRY_S)

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS documents (path TEXT PRIMARY KEY, body TEXT NOT NULL)"
            " WITHOUT ROWID"
        )

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:  # SQLite itself rolls some failures back
                self._connection.execute("ROLLBACK")

    def read(self, kind: type[Record], path: str) -> Record | None:
        row = self._connection.execute(
            "SELECT body FROM documents WHERE path = ?", (path,)
        ).fetchone()
        return None if row is None else _decode(kind, path, row[0])

    def below(self, kind: type[Record], folder: str) -> tuple[Record, ...]:
        """Every document directly in `folder`, by path."""
        rows = self._connection.execute(
            "SELECT path, body FROM documents WHERE path >= ? AND path < ? ORDER BY path",
            (f"{folder}/", f"{folder}0"),  # "0" is the character after "/"
        )
        return tuple(_decode(kind, path, body) for path, body in rows)

    def select(self, condition: str, *values: str | int | None) -> Iterator[tuple[str, str]]:
        """Paths and bodies by a condition in SQL, which must be a constant."""
        query = f"SELECT path, body FROM documents WHERE {condition}"  # noqa: S608
        yield from self._connection.execute(query, values)

    def write(self, path: str, document: Document) -> None:
        self._connection.execute(
            "INSERT INTO documents VALUES (?, ?)"
            " ON CONFLICT (path) DO UPDATE SET body = excluded.body",
            (path, msgspec.json.encode(document).decode()),
        )


def _decode(kind: type[Record], path: str, body: str) -> Record:
    try:
        return to_record(kind, msgspec.json.decode(body), where=path)
    except msgspec.DecodeError as error:
        raise InvalidDocument(f"{path} is not JSON: {error}") from None


def _agent_for(documents: _Documents, number: str) -> tuple[str, Agent] | None:
    assigned = documents.read(_Number, number_path(number))
    if assigned is not None:
        agent = documents.read(Agent, agent_path(assigned.agent))
        if agent is not None:
            return assigned.agent, agent
        _log.error("number is assigned to an unknown agent", agent=assigned.agent)
    agent = documents.read(Agent, agent_path(DEFAULT_AGENT_ID))
    return None if agent is None else (DEFAULT_AGENT_ID, agent)


def _valid_tools(documents: _Documents, names: tuple[str, ...]) -> Iterator[ToolDeclaration]:
    for name in names:
        try:
            tool = documents.read(ToolDeclaration, tool_path(name))
        except InvalidDocument as error:
            _log.error("tool declaration cannot be used", tool=name, reason=str(error))
            continue
        if tool is None:
            _log.warning("tool is not declared", tool=name)
        else:
            yield tool


_CALLS = """
    path > 'calls/' AND path < 'calls0' AND path NOT LIKE 'calls/%/%' AND json_valid(body)
    AND (?1 IS NULL OR julianday(body ->> 'created_at') >= julianday(?1))
    AND (?2 IS NULL OR julianday(body ->> 'created_at') < julianday(?2))
    AND (?3 IS NULL OR body ->> 'caller' = ?3 OR body ->> 'called' = ?3)
    AND (?4 IS NULL OR body ->> 'agent_id' = ?4)
    ORDER BY julianday(body ->> 'created_at') DESC LIMIT ?5
"""


def _list_calls(documents: _Documents, query: CallQuery) -> Iterator[Call]:
    times = (None if when is None else when.isoformat() for when in (query.since, query.until))
    found = documents.select(_CALLS, *times, query.number, query.agent_id, query.limit)
    for path, body in found:
        try:
            yield _decode(Call, path, body)
        except InvalidDocument as error:
            _log.error("call cannot be read", reason=str(error))


def _claim(documents: _Documents, call_sid: str, claim: Claim) -> Call | None:
    path = claim_path(call_sid, claim.attempt)
    with documents.transaction():
        call = documents.read(Call, call_path(call_sid))
        if call is None:
            return None
        held = transitions.claimed(call, documents.read(Claim, path), claim)
        if held is not None and held != call:
            documents.write(path, to_document(claim))
            documents.write(call_path(call_sid), to_document(held))
        return held


def _save(documents: _Documents, call_sid: str, attempt: int, changes: CallChanges) -> None:
    with documents.transaction():
        call = documents.read(Call, call_path(call_sid))
        if call is None or call.attempt != attempt:
            raise Superseded(f"attempt {attempt} is not the call's current one")
        fields: dict[str, Json] = changes.fields()
        if fields:
            saved = msgspec.structs.replace(call, **fields)
            documents.write(call_path(call_sid), to_document(saved))
        for path, document in documents_below(call_sid, changes):
            documents.write(path, document)


def _change(
    documents: _Documents, call_sid: str, decide: Callable[[Call], Call | None]
) -> Call | None:
    """Write what `decide` makes of the call; None if it refuses, or there is no call."""
    with documents.transaction():
        call = documents.read(Call, call_path(call_sid))
        decided = None if call is None else decide(call)
        if decided is not None and decided != call:
            documents.write(call_path(call_sid), to_document(decided))
        return decided


def _read_record(documents: _Documents, call_sid: str) -> CallRecord | None:
    call = documents.read(Call, call_path(call_sid))
    if call is None:
        return None
    turns = documents.below(Turn, turns_path(call_sid))
    tool_calls = documents.below(ToolCall, tool_calls_path(call_sid))
    return CallRecord(
        call=call,
        claims=documents.below(Claim, claims_path(call_sid)),
        turns=tuple(sorted(turns, key=lambda t: t.start_ms)),
        tool_calls=tuple(sorted(tool_calls, key=lambda t: t.start_ms)),
    )

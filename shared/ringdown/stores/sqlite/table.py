"""A SQLite table of JSON documents keyed by path, and the thread that uses it, one per process."""

import asyncio
import contextvars
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from ringdown.documents import Record, to_record
from ringdown.errors import InvalidDocument, StoreUnavailable
from ringdown.stores.paths import shown_path
from ringdown.stores.storable import Document, check_depth, too_deep
from ringdown.tools import Json

_BUSY_TIMEOUT_S = 2.0
_BUSY_RETRY_S = 0.01
_CALL_TIMEOUT_S = 5.0

_NOT_WRITTEN = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)
"""The errors for a full disk and for a limit on file sizes (sqlite.org/rescode.html)."""

_IN_CALLS = "path > 'calls/' AND path < 'calls0' AND json_valid(body)"
CALLS_IN_SQL = f"{_IN_CALLS} AND path NOT LIKE 'calls/%/%'"
"""The condition that selects calls, except damaged ones."""
BEGAN = "julianday(body ->> 'created_at')"
CALLS_BY_TIME = "calls_by_time"
"""An index that queries must name, because SQLite would read every call otherwise."""

_Result = TypeVar("_Result")


class Table:
    """The table itself; used by one thread."""

    def __init__(self, path: Path) -> None:
        """Open the file. A read-only one is opened for reading; writing to it raises
        sqlite3.Error."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        try:
            self._enter_wal_mode()
            self._prepare()
        except sqlite3.Error:
            self._connection.close()
            if not _is_read_only(path):
                raise
            self._connection = _connect_to_read(path)

    def _enter_wal_mode(self) -> None:
        """Switch a new file to WAL mode, and wait while other processes do so.

        SQLite doesn't apply its busy timeout here: if two processes upgrade their lock at the same
        time, it refuses one immediately (sqlite.org/c3ref/busy_handler.html), so we try again.
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
        self._connection.execute("PRAGMA secure_delete = ON")  # a caller may be forgotten
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS documents (path TEXT PRIMARY KEY, body TEXT NOT NULL)"
            " WITHOUT ROWID"
        )
        self._connection.execute(
            f"CREATE INDEX IF NOT EXISTS {CALLS_BY_TIME} ON documents ({BEGAN}) WHERE {_IN_CALLS}"
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
            if self._connection.in_transaction:  # SQLite rolls back some failures itself
                self._connection.execute("ROLLBACK")

    def read(self, kind: type[Record], path: str) -> Record | None:
        fields = self.fields(path)
        return None if fields is None else to_record(kind, fields, where=shown_path(path))

    def fields(self, path: str) -> Document | None:
        """Return the raw document; raise InvalidDocument if it can't be read."""
        row = self._connection.execute(
            "SELECT body FROM documents WHERE path = ?", (path,)
        ).fetchone()
        return None if row is None else fields_of(path, row[0])

    def below(self, kind: type[Record], folder: str) -> tuple[Record, ...]:
        """Return every record directly in `folder`, ordered by path."""
        found = self.fields_below(folder)
        return tuple(to_record(kind, fields, where=shown_path(path)) for path, fields in found)

    def fields_below(self, folder: str) -> tuple[tuple[str, Document], ...]:
        """Return the raw documents directly in `folder` with their paths, ordered by path."""
        rows = self._connection.execute(
            "SELECT path, body FROM documents WHERE path >= ? AND path < ? ORDER BY path",
            (f"{folder}/", f"{folder}0"),  # "0" is the character after "/"
        )
        inside = len(folder) + 1
        return tuple(
            (path, fields_of(path, body)) for path, body in rows if "/" not in path[inside:]
        )

    def select(self, condition: str, *values: str | int | None) -> Iterator[tuple[str, str]]:
        """Yield the paths and bodies that match an SQL condition, which must be a constant."""
        query = f"SELECT path, body FROM documents WHERE {condition}"  # noqa: S608
        yield from self._connection.execute(query, values)

    def rows(self, query: str, *values: str | None) -> Iterator[tuple[Json, ...]]:
        """Yield the rows of an SQL query, which must be a constant."""
        yield from self._connection.execute(query, values)

    def erase(self, path: str) -> bool:
        """Delete the document; return whether there was one."""
        deleted = self._connection.execute("DELETE FROM documents WHERE path = ?", (path,))
        return deleted.rowcount > 0

    def erase_below(self, folder: str) -> int:
        """Delete everything in `folder`; return how many documents there were."""
        deleted = self._connection.execute(
            "DELETE FROM documents WHERE path >= ? AND path < ?", (f"{folder}/", f"{folder}0")
        )
        return deleted.rowcount

    def forget_what_is_erased(self) -> None:
        """Remove erased data from the write-ahead log as well; another reader may prevent that."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def write(self, path: str, document: Document) -> None:
        self._connection.execute(
            "INSERT INTO documents VALUES (?, ?)"
            " ON CONFLICT (path) DO UPDATE SET body = excluded.body",
            (path, msgspec.json.encode(document).decode()),
        )


def _is_read_only(path: Path) -> bool:
    effective = os.access in os.supports_effective_ids
    may_read, may_write = (
        os.access(path, mode, effective_ids=effective) for mode in (os.R_OK, os.W_OK)
    )
    return may_read and not may_write


def _connect_to_read(path: Path) -> sqlite3.Connection:
    """Open the file for reading. If its companion files are read-only as well, what a crash left in
    them isn't visible."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        connection.execute("SELECT 1 FROM documents LIMIT 1")
    except sqlite3.OperationalError:
        connection.close()
        return sqlite3.connect(f"{uri}&immutable=1", uri=True, isolation_level=None)
    return connection


def _in_words(error: sqlite3.Error | OSError) -> str:
    if getattr(error, "sqlite_errorcode", None) not in _NOT_WRITTEN:
        return str(error)
    return f"{error}: nothing can be written; free some disk space, or raise the limit"


def fields_of(path: str, body: str) -> Document:
    """Decode the body of a document. Raises InvalidDocument."""
    try:
        fields = msgspec.json.decode(body, type=Document)
    except msgspec.DecodeError as error:
        raise InvalidDocument(f"{shown_path(path)} isn't JSON: {error}") from None
    except RecursionError:
        raise too_deep(path) from None
    check_depth(fields, path)
    return fields


class Worker:
    """The only thread of this process that works on the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-store")
        self._table: Table | None = None  # belongs to the executor's thread

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, self._close)
        self._executor.shutdown(wait=False)

    def _close(self) -> None:
        if self._table is not None:
            self._table.close()

    async def run(self, work: Callable[[Table], _Result]) -> _Result:
        """Run `work` in the thread; raise StoreUnavailable if SQLite fails or takes too long."""
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()  # so that the thread's log lines have the call's SID
        try:
            async with asyncio.timeout(_CALL_TIMEOUT_S):
                return await loop.run_in_executor(self._executor, context.run, self._work, work)
        except TimeoutError:
            raise StoreUnavailable(f"{self._path} didn't answer in {_CALL_TIMEOUT_S} s") from None
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(f"{self._path}: {_in_words(error)}") from error

    def _work(self, work: Callable[[Table], _Result]) -> _Result:
        if self._table is None:
            self._table = Table(self._path)
        return work(self._table)

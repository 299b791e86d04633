"""A disk that takes no more of the embedded store, for the processes that write it.

The kernel refuses to let a file of theirs grow beyond a limit (RLIMIT_FSIZE), and SQLite's log of
writes already is larger: a filler was written to it, and a reader keeps it from being begun anew.
Their own logs are far smaller, and go on. No privilege is needed.
"""

import resource
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

_FILLER_BYTES = 64_000_000
_LIMIT_BYTES = 32_000_000
_FILLER = "filler"


@asynccontextmanager
async def disk_full(path: Path, processes: Sequence[int]) -> AsyncIterator[None]:
    """Linux only, as prlimit is."""
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as reader,
        closing(sqlite3.connect(path, isolation_level=None)) as writer,
    ):
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM documents").fetchone()
        writer.execute("INSERT INTO documents VALUES (?, ?)", (_FILLER, "x" * _FILLER_BYTES))
        before = [resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in processes]
        try:
            for pid, (_, hard) in zip(processes, before, strict=True):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (_LIMIT_BYTES, hard))
            yield
        finally:
            for pid, limits in zip(processes, before, strict=True):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
            reader.execute("ROLLBACK")
            writer.execute("DELETE FROM documents WHERE path = ?", (_FILLER,))

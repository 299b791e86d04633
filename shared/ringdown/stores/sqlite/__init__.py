"""The embedded store: every record is a JSON document in one SQLite table, keyed by its path.

The paths are Firestore's (`calls/{sid}/turns/{n}`), so both stores keep the same records. One
thread per process owns the connection; writers of several processes take turns using `BEGIN
IMMEDIATE` in WAL mode.
"""

from pathlib import Path

from ringdown.calls.recordings import RecordingStore
from ringdown.stores.recording_files import RecordingFiles
from ringdown.stores.sqlite.agents import SqliteAgents
from ringdown.stores.sqlite.callers import SqliteCallers
from ringdown.stores.sqlite.calls import SqliteCalls
from ringdown.stores.sqlite.documents import SqliteDocuments
from ringdown.stores.sqlite.figures import SqliteFigures
from ringdown.stores.sqlite.table import Worker


class SqliteStore(SqliteAgents, SqliteCalls, SqliteCallers, SqliteFigures):
    """Implements `ringdown.stores.Store` on one SQLite file, shared by any number of processes."""

    def __init__(self, path: Path, recordings: RecordingStore | None = None) -> None:
        """`recordings` defaults to a folder next to the file."""
        self.recordings = recordings or RecordingFiles(Path(f"{path}.recordings"))
        worker = Worker(path)
        SqliteAgents.__init__(self, worker)
        SqliteCalls.__init__(self, worker)
        SqliteCallers.__init__(self, worker, self.recordings)
        SqliteFigures.__init__(self, worker)
        self.documents = SqliteDocuments(worker)

    async def close(self) -> None:
        await self._worker.close()
        await self.recordings.close()

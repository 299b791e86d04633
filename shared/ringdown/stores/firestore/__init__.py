"""Records in Cloud Firestore, for any number of processes. Importing this loads Google's client.

`values` and `operations` are pure; `client` and `database` talk to Firestore; `calls`, `agents`,
`callers` and `figures` know our records, and `documents` serves any others.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ringdown.calls.recordings import RecordingStore
from ringdown.stores.firestore.agents import FirestoreAgents
from ringdown.stores.firestore.callers import FirestoreCallers
from ringdown.stores.firestore.calls import FirestoreCalls
from ringdown.stores.firestore.client import make_client
from ringdown.stores.firestore.database import Database
from ringdown.stores.firestore.documents import FirestoreDocuments
from ringdown.stores.firestore.figures import FirestoreFigures


class FirestoreStore(FirestoreAgents, FirestoreCalls, FirestoreCallers, FirestoreFigures):
    """Implements `ringdown.stores.Store`."""

    def __init__(self, database: Database, recordings: RecordingStore | None) -> None:
        FirestoreAgents.__init__(self, database)
        FirestoreCalls.__init__(self, database)
        FirestoreCallers.__init__(self, database, recordings)
        FirestoreFigures.__init__(self, database)
        self.recordings = recordings
        self.documents = FirestoreDocuments(database)


@asynccontextmanager
async def open_firestore(
    project: str, database: str, recordings: RecordingStore | None
) -> AsyncIterator[FirestoreStore]:
    """Connect to a project's database and disconnect at the end; raises ConfigurationError."""
    client = await make_client(project, database)
    try:
        opened = Database(client, f"firestore:{project}/{database}")
        await opened.connect()
        yield FirestoreStore(opened, recordings)
    finally:
        await client.aclose()
        if recordings is not None:
            await recordings.close()

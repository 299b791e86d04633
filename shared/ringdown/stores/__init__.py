"""The store of records: its port, and how to open one."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

from ringdown.agents.clips import ClipStore
from ringdown.agents.store import AgentStore
from ringdown.calls import CallIndex, CallStore
from ringdown.calls.callers import CallerIndex, CallerStore
from ringdown.calls.figures import FigureStore
from ringdown.calls.flights import FlightStore
from ringdown.calls.limits import LimitStore
from ringdown.calls.outcomes import OutcomeStore
from ringdown.calls.recordings import RecordingStore
from ringdown.calls.uploads import UploadStore
from ringdown.errors import ConfigurationError
from ringdown.open_once import OpenOnce
from ringdown.settings import SettingsReader
from ringdown.stores.documents import Documents
from ringdown.stores.recordings import RecordingPlace, open_recordings
from ringdown.tools import ToolStore

_SQLITE = "sqlite:"
_FIRESTORE = re.compile(
    r"firestore:(?P<project>[a-z0-9][a-z0-9.:-]*)(/(?P<database>\(default\)|[a-z0-9-]+))?"
)


class Store(
    AgentStore,
    CallerIndex,
    CallerStore,
    CallIndex,
    CallStore,
    ClipStore,
    FigureStore,
    FlightStore,
    LimitStore,
    OutcomeStore,
    ToolStore,
    UploadStore,
    Protocol,
):
    """Everything that a store does."""

    @property
    def documents(self) -> Documents:
        """Documents for records that only one deployable knows about, such as a tool's."""

    @property
    def recordings(self) -> RecordingStore | None:
        """The store of recordings; None if the process doesn't know where they are."""


def check_store_url(url: str) -> str | None:
    """Say what is wrong with a STORE_URL; return None if nothing is."""
    if _FIRESTORE.fullmatch(url) or (url.startswith(_SQLITE) and len(url) > len(_SQLITE)):
        return None
    return (
        f"STORE_URL is {url!r}. Set it to firestore:PROJECT or firestore:PROJECT/DATABASE, or to"
        " sqlite:PATH, the file that keeps the records."
    )


def read_store_url(reader: SettingsReader) -> str:
    """Read STORE_URL from a process's settings; `reader.finish()` reports problems."""
    url = reader.text("STORE_URL", "where records are kept: firestore:PROJECT or sqlite:PATH")
    problem = check_store_url(url) if url else None
    if problem is not None:
        reader.problem(problem)
    return url


def open_store_once(reader: SettingsReader) -> OpenOnce[Store]:
    """Return the store that STORE_URL names, to share between all requests of a function."""
    return OpenOnce(partial(open_store, read_store_url(reader)))


@asynccontextmanager
async def open_store(url: str, recordings: RecordingPlace | None = None) -> AsyncIterator[Store]:
    """Open the store that `url` names, and close it at the end. Raises ConfigurationError for an
    invalid URL.

    Without `recordings`, SQLite keeps them next to its file; with Firestore, they can't be reached.
    """
    problem = check_store_url(url)
    if problem is not None:
        raise ConfigurationError([problem])
    kept = None if recordings is None else open_recordings(recordings)
    if firestore := _FIRESTORE.fullmatch(url):
        from ringdown.stores.firestore import open_firestore  # importing it takes 0.25 s

        project, database = firestore["project"], firestore["database"] or "(default)"
        async with open_firestore(project, database, kept) as store:
            yield store
        return
    from ringdown.stores.sqlite import SqliteStore

    embedded = SqliteStore(Path(url.removeprefix(_SQLITE)), kept)
    try:
        yield embedded
    finally:
        await embedded.close()

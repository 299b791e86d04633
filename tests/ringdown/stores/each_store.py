"""Fixtures that run a test with every store. A `conftest.py` imports them."""

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from google.cloud.firestore_v1.async_client import AsyncClient

from ringdown.stores import Store, open_store
from ringdown.tools import Json
from tests.ringdown.samples import CALLED
from tests.ringdown.stores.contract import Put


@pytest.fixture(params=["sqlite", "firestore"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store, once for each kind."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'records' / 'ringdown.db'}"
    return f"firestore:{request.getfixturevalue('firestore_project')}"


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    async with open_store(store_url) as store:
        yield store


@pytest.fixture
async def other_store(store_url: str) -> AsyncIterator[Store]:
    """The same records, opened a second time, as by another process."""
    async with open_store(store_url) as store:
        yield store


@pytest.fixture
def put(store_url: str, store: Store) -> Put:
    """Writes a document bypassing the store, as the console does."""
    kind, _, place = store_url.partition(":")
    if kind == "firestore":
        client = AsyncClient(project=place)

        async def put_firestore(path: str, document: Json) -> None:
            await client.document(path).set(document)

        return put_firestore

    async def put_sqlite(path: str, document: Json) -> None:
        await store.read_line(CALLED)  # creates the table
        write_raw(Path(place), path, json.dumps(document, default=str))

    return put_sqlite


def write_raw(file: Path, path: str, body: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("INSERT OR REPLACE INTO documents VALUES (?, ?)", (path, body))

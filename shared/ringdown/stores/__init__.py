"""Where records are kept: the port that processes are given, and how to open one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from ringdown.agents import AgentStore
from ringdown.calls import CallStore
from ringdown.errors import ConfigurationError
from ringdown.settings import SettingsReader
from ringdown.tools import ToolStore

_SQLITE = "sqlite:"


class Store(AgentStore, CallStore, ToolStore, Protocol):
    """Everything a process may ask of its store."""


def check_store_url(url: str) -> str | None:
    """What is wrong with a STORE_URL, or None."""
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE):
        return None
    return f"STORE_URL is {url!r}. Set it to sqlite:PATH, the file to keep the records in."


def read_store_url(reader: SettingsReader) -> str:
    """STORE_URL from a process's settings; what is wrong with it is told with the rest."""
    url = reader.text("STORE_URL", "where records are kept, such as sqlite:PATH")
    problem = check_store_url(url) if url else None
    if problem is not None:
        reader.problem(problem)
    return url


@asynccontextmanager
async def open_store(url: str) -> AsyncIterator[Store]:
    """Open the store that `url` names and close it at the end; ConfigurationError if it is none."""
    problem = check_store_url(url)
    if problem is not None:
        raise ConfigurationError([problem])
    from ringdown.stores.sqlite import SqliteStore

    store = SqliteStore(Path(url.removeprefix(_SQLITE)))
    try:
        yield store
    finally:
        await store.close()

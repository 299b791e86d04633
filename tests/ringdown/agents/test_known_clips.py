"""A process reads each clip once, and knows it even if the store fails later."""

import asyncio
import logging

import pytest

from ringdown.agents.clips import Clip
from ringdown.agents.known_clips import FIND_WITHIN_S, KnownClips
from ringdown.errors import StoreUnavailable
from tests.jumping_loop import pytest_asyncio_loop_factories as pytest_asyncio_loop_factories


class _Store:
    """A clip store that has a clip of 100 bytes for every key but "none"."""

    def __init__(self) -> None:
        self.away, self.slow_s = False, 0.0
        self.read: list[str] = []

    async def read_clip(self, agent_id: str, key: str) -> Clip | None:
        self.read.append(key)
        await asyncio.sleep(self.slow_s)
        if self.away:
            raise StoreUnavailable("it is down")
        return None if key == "none" else Clip(key=key, mulaw=b"\x01" * 100)

    async def write_clip(self, agent_id: str, clip: Clip) -> None:
        raise NotImplementedError

    async def list_clips(self, agent_id: str) -> frozenset[str]:
        raise NotImplementedError

    async def delete_clip(self, agent_id: str, key: str) -> None:
        raise NotImplementedError


async def test_a_clip_is_read_once_and_known_when_the_store_is_away() -> None:
    known, store = KnownClips(), _Store()
    first = await known.find(store, "default", "a")
    store.away = True

    assert first is not None
    assert await known.find(store, "default", "a") == first
    assert store.read == ["a"]


async def test_one_that_is_made_later_is_found_by_the_next_call() -> None:
    known, store = KnownClips(), _Store()

    assert await known.find(store, "default", "none") is None
    assert await known.find(store, "default", "none") is None
    assert store.read == ["none", "none"]


async def test_of_a_store_that_is_away_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    store = _Store()
    store.away = True
    with caplog.at_level(logging.WARNING):
        assert await KnownClips().find(store, "default", "a") is None

    assert [record.getMessage() for record in caplog.records] == ["clip could not be read"]


async def test_a_store_that_is_slow_is_not_waited_for() -> None:
    loop, store = asyncio.get_running_loop(), _Store()
    store.slow_s = 5.0
    began_s = loop.time()

    assert await KnownClips().find(store, "default", "a") is None
    assert FIND_WITHIN_S <= loop.time() - began_s < store.slow_s / 2


async def test_those_used_last_are_kept() -> None:
    known, store = KnownClips(most_bytes=250), _Store()
    for key in ("a", "b", "a", "c", "a", "b"):
        await known.find(store, "default", key)

    assert store.read == ["a", "b", "c", "b"]


async def test_an_agents_clip_is_no_other_agents() -> None:
    known, store = KnownClips(), _Store()
    await known.find(store, "default", "a")
    await known.find(store, "bakery", "a")

    assert store.read == ["a", "a"]

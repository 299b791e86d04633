"""The upload watch finds what callers send, with one request a second for all calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from ringdown.calls.uploads import Reception, Upload
from ringdown.errors import StoreUnavailable
from stream_handler.upload_watch import LOOK_EVERY_S, UploadWatch
from tests.jumping_loop import virtual_time
from tests.ringdown.samples import a_call, a_picture, a_text

A_LITTLE_S = 0.1


class Store:
    """An upload store that can be away, or never respond."""

    def __init__(self) -> None:
        self.uploads: dict[str, list[Upload]] = {}
        self.asked: list[dict[str, int]] = []
        self.away = self.silent = False

    def put(self, call_sid: str, upload: Upload) -> None:
        uploads = self.uploads.setdefault(call_sid, [])
        uploads.append(msgspec.structs.replace(upload, n=len(uploads) + 1))

    async def add_upload(self, call_sid: str, upload: Upload) -> Reception:
        raise NotImplementedError

    async def delete_uploads(self, call_sid: str) -> None:
        raise NotImplementedError

    async def later_uploads(self, seen: dict[str, int]) -> dict[str, tuple[Upload, ...]]:
        self.asked.append(dict(seen))
        if self.silent:
            await asyncio.Event().wait()
        if self.away:
            raise StoreUnavailable("away")
        later = {sid: tuple(self.uploads.get(sid, ())[n:]) for sid, n in seen.items()}
        return {sid: uploads for sid, uploads in later.items() if uploads}


@asynccontextmanager
async def followed(watch: UploadWatch, *call_sids: str) -> AsyncIterator[dict[str, list[str]]]:
    """Follow the calls; yields the ids of the uploads that each call was told about."""
    told: dict[str, list[str]] = {sid: [] for sid in call_sids}

    async def follow(call_sid: str) -> None:
        async for upload in watch.uploads(call_sid):
            told[call_sid].append(upload.id)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(follow(sid)) for sid in call_sids]
        yield told
        for task in tasks:
            task.cancel()


@virtual_time
async def test_each_call_is_told_of_its_own_once_and_in_order() -> None:
    store = Store()
    async with followed(UploadWatch(store), "CA1", "CA2") as told:
        store.put("CA1", a_picture("one"))
        store.put("CA1", a_text("two"))
        await asyncio.sleep(LOOK_EVERY_S + A_LITTLE_S)
        assert told == {"CA1": ["one", "two"], "CA2": []}
        store.put("CA2", a_picture("three"))
        await asyncio.sleep(3 * LOOK_EVERY_S)
    assert told == {"CA1": ["one", "two"], "CA2": ["three"]}


@virtual_time
async def test_however_many_calls_the_store_is_asked_once_a_second() -> None:
    store = Store()
    async with followed(UploadWatch(store), *(f"CA{n}" for n in range(50))):
        await asyncio.sleep(10 * LOOK_EVERY_S + A_LITTLE_S)
    assert len(store.asked) == 10
    assert all(len(seen) == 50 for seen in store.asked)


@virtual_time
async def test_without_calls_it_is_not_asked() -> None:
    store = Store()
    watch = UploadWatch(store)
    async with followed(watch, "CA1"):
        await asyncio.sleep(2 * LOOK_EVERY_S)
    asked = len(store.asked)
    await asyncio.sleep(10 * LOOK_EVERY_S)
    assert len(store.asked) == asked


@virtual_time
async def test_a_store_that_is_away_or_silent_delays_what_comes() -> None:
    store = Store()
    async with followed(UploadWatch(store), "CA1") as told:
        store.away = True
        store.put("CA1", a_picture("one"))
        await asyncio.sleep(3 * LOOK_EVERY_S)
        store.away, store.silent = False, True
        await asyncio.sleep(6 * LOOK_EVERY_S)
        assert told == {"CA1": []}
        store.silent = False
        await asyncio.sleep(6 * LOOK_EVERY_S)
        assert told == {"CA1": ["one"]}


@virtual_time
async def test_a_handler_that_takes_over_finds_what_came_before() -> None:
    store = Store()
    watch = UploadWatch(store)
    call = a_call(call_sid="CA1")
    assert await watch.so_far(call) == ()
    assert store.asked == [], "the call's record lists no uploads, so the store needn't be asked"
    store.put("CA1", a_picture("one"))
    call = msgspec.structs.replace(call, uploads=("one",))
    assert [upload.id for upload in await watch.so_far(call)] == ["one"]
    store.away = True
    assert await watch.so_far(call) == (), "a store that is away must not raise"

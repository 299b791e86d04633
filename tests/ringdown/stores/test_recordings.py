"""What every recording store must do, and how folders and buckets fail."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ringdown.calls.recordings import KeptPart, RecordingPart, RecordingStore, kept_part, sound_of
from ringdown.errors import ConfigurationError, StoreUnavailable
from ringdown.settings import SettingsReader
from ringdown.stores.recording_bucket import RecordingBucket
from ringdown.stores.recording_files import RecordingFiles
from ringdown.stores.recordings import RecordingPlace, open_recordings, read_recordings
from tests.jumping_loop import jumping_loop, virtual_time
from tests.ringdown.samples import CALL_SID
from tests.storage_stand_in import BUCKET, StorageStandIn, storage_stand_in

OTHER_SID = CALL_SID[:-1] + "0"
KINDS = pytest.mark.parametrize("kind", ["files", "bucket"])


def a_part(number: int = 1, *, attempt: int = 1, length: int = 8) -> RecordingPart:
    caller, agent = bytes([number]) * length, bytes([128 + number]) * length
    return RecordingPart(attempt, number, 2_000 + 8_000 * number, caller, agent)


@asynccontextmanager
async def kept(kind: str, folder: Path) -> AsyncIterator[RecordingStore]:
    """A recording store of this kind. A bucket lists two parts at a time."""
    if kind == "files":
        yield RecordingFiles(folder / "recordings")
        return
    async with bucket() as (store, storage):
        storage.page = 2
        yield store


@asynccontextmanager
async def bucket() -> AsyncIterator[tuple[RecordingStore, StorageStandIn]]:
    async with storage_stand_in() as storage:
        store = open_recordings(RecordingPlace(f"gs://{BUCKET}", storage.url))
        assert isinstance(store, RecordingBucket)
        try:
            yield store, storage
        finally:
            await store.close()


@KINDS
@virtual_time
async def test_parts_come_back_in_order(kind: str, tmp_path: Path) -> None:
    parts = [a_part(n) for n in (1, 2, 10, 3)] + [a_part(1, attempt=2)]
    async with kept(kind, tmp_path) as store:
        for part in parts:
            await store.keep_part(CALL_SID, part)
        found = await store.list_parts(CALL_SID)
        assert found == tuple(parts[n].kept for n in (0, 1, 3, 2, 4))
        assert [(part.offset_ms, part.samples) for part in found][:2] == [(10_000, 8), (18_000, 8)]
        assert await store.read_part(CALL_SID, found[0]) == a_part(1).wav()


@KINDS
@virtual_time
async def test_a_call_that_was_not_recorded_has_no_parts(kind: str, tmp_path: Path) -> None:
    async with kept(kind, tmp_path) as store:
        await store.keep_part(OTHER_SID, a_part())
        assert await store.list_parts(CALL_SID) == ()
        assert not await store.erase_recording(CALL_SID)
        assert await store.read_part(CALL_SID, a_part().kept) == b""
        assert len(await store.list_parts(OTHER_SID)) == 1


@KINDS
@virtual_time
async def test_a_part_that_comes_twice_is_kept_once(kind: str, tmp_path: Path) -> None:
    async with kept(kind, tmp_path) as store:
        for _ in range(2):
            await store.keep_part(CALL_SID, a_part())
        assert await store.list_parts(CALL_SID) == (a_part().kept,)


@KINDS
@virtual_time
async def test_what_is_erased_is_gone_and_nothing_else(kind: str, tmp_path: Path) -> None:
    async with kept(kind, tmp_path) as store:
        for number in range(1, 6):
            await store.keep_part(CALL_SID, a_part(number))
        await store.keep_part(OTHER_SID, a_part())
        assert await store.erase_recording(CALL_SID)
        assert await store.list_parts(CALL_SID) == ()
        assert await store.list_parts(OTHER_SID) == (a_part().kept,)
        assert not await store.erase_recording(CALL_SID)


@KINDS
@pytest.mark.parametrize("sid", ["../../etc", "a/b", "CA?x#y", "..", "CA ü"])
@virtual_time
async def test_whatever_a_call_is_called_stays_a_name(kind: str, sid: str, tmp_path: Path) -> None:
    async with kept(kind, tmp_path) as store:
        await store.keep_part(sid, a_part())
        (part,) = await store.list_parts(sid)
        assert await store.read_part(sid, part) == a_part().wav()
        assert await store.erase_recording(sid)
    if kind == "files":
        assert [file.name for file in tmp_path.iterdir()] == ["recordings"]  # noqa: ASYNC240


@KINDS
@virtual_time
async def test_what_is_no_part_is_left_out(kind: str, tmp_path: Path) -> None:
    async with kept(kind, tmp_path) as store:
        await store.keep_part(CALL_SID, a_part())
        if isinstance(store, RecordingFiles):
            for name in ("001-0002-00000000.unfinished", "notes.txt", "001-0003-00000000.wav"):
                (tmp_path / "recordings" / CALL_SID / name).write_bytes(b"x")
        assert await store.list_parts(CALL_SID) == (a_part().kept,)
        assert await store.erase_recording(CALL_SID)


def test_a_part_is_a_wav_file_by_itself() -> None:
    part = a_part(3, length=160)
    file = part.wav()
    assert file[:4] + file[8:16] == b"RIFFWAVEfmt "
    assert int.from_bytes(file[4:8], "little") == len(file) - 8
    assert sound_of(file)[:4] == bytes([3, 131, 3, 131])
    assert kept_part(part.kept.name, len(file)) == part.kept


@pytest.mark.parametrize(
    "name",
    ["", "001-0001.wav", "001-0001-x.wav", "1-1-1.wav", "001-0001-00000001.mp3", "²-1-1.wav"],
)
def test_other_names_are_no_parts(name: str) -> None:
    assert kept_part(name, 1_000) is None


# When a folder fails


@virtual_time
async def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("in the way", "utf-8")
    with pytest.raises(StoreUnavailable, match="the file system refused"):
        await RecordingFiles(tmp_path / "recordings").keep_part(CALL_SID, a_part())


# When a bucket fails


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@virtual_time
async def test_what_may_pass_is_tried_again(status: int) -> None:
    async with bucket() as (store, storage):
        storage.trouble = [status] * 2
        await store.keep_part(CALL_SID, a_part())
        assert len(storage.asked) == 3
        storage.trouble = [status]
        assert len(await store.list_parts(CALL_SID)) == 1
        storage.trouble = [status]
        assert await store.read_part(CALL_SID, a_part().kept) == a_part().wav()
        storage.trouble = [status]
        assert await store.erase_recording(CALL_SID)
        assert storage.objects == {}


@virtual_time
async def test_a_part_whose_answer_was_lost_is_not_written_twice() -> None:
    async with bucket() as (store, storage):
        storage.permissions = frozenset({"create"})  # like the handler, which may not overwrite
        storage.trouble, storage.done_all_the_same = [503], True
        await store.keep_part(CALL_SID, a_part())
        assert list(storage.objects.values()) == [a_part().wav()]


@pytest.mark.parametrize("status", [400, 401, 403])
@virtual_time
async def test_a_refusal_is_not_tried_again_and_told(status: int) -> None:
    async with bucket() as (store, storage):
        storage.trouble = [status]
        with pytest.raises(StoreUnavailable, match=f"{BUCKET}: HTTP {status} Trouble"):
            await store.keep_part(CALL_SID, a_part())
        assert len(storage.asked) == 1


@pytest.mark.parametrize("status", [429, 503])
@virtual_time
async def test_trouble_that_stays_is_given_up(status: int) -> None:
    async with bucket() as (store, storage):
        storage.trouble = [status] * 20
        with pytest.raises(StoreUnavailable, match=f"HTTP {status}"):
            await store.keep_part(CALL_SID, a_part())
        assert len(storage.asked) == 4
        assert storage.objects == {}


@pytest.mark.parametrize("ask", ["keep", "list", "read", "erase"])
@virtual_time
async def test_a_bucket_that_is_slow_is_given_up_in_ten_seconds(ask: str) -> None:
    async with bucket() as (store, storage):
        await store.keep_part(CALL_SID, a_part())
        storage.late_s = 60.0
        requests: dict[str, Callable[[], Awaitable[object]]] = {
            "keep": lambda: store.keep_part(CALL_SID, a_part(2)),
            "list": lambda: store.list_parts(CALL_SID),
            "read": lambda: store.read_part(CALL_SID, a_part().kept),
            "erase": lambda: store.erase_recording(CALL_SID),
        }
        before_s = jumping_loop().time()
        with pytest.raises(StoreUnavailable, match="no answer within 10 s"):
            await requests[ask]()
        assert jumping_loop().time() - before_s <= 10.1


@virtual_time
async def test_a_bucket_that_does_not_exist_or_answer_is_told() -> None:
    async with bucket() as (_, storage):
        missing = RecordingBucket("another-bucket", storage.url)
        with pytest.raises(StoreUnavailable, match="The specified bucket does not exist"):
            await missing.list_parts(CALL_SID)
        await missing.close()
    gone = RecordingBucket(BUCKET, storage.url)
    with pytest.raises(StoreUnavailable, match=BUCKET):
        await gone.list_parts(CALL_SID)
    await gone.close()


@virtual_time
async def test_a_part_that_is_erased_meanwhile_is_silent() -> None:
    async with bucket() as (store, storage):
        await asyncio.gather(*(store.keep_part(CALL_SID, a_part(n)) for n in (1, 2)))
        storage.objects.popitem()
        gone = KeptPart(1, 9, 1, 8)
        assert await store.read_part(CALL_SID, gone) == b""
        assert await store.erase_recording(CALL_SID)


# The setting


@pytest.mark.parametrize("name", ["gs://a-bucket", "gs://a.bucket/", "out/recordings", "/data"])
def test_a_place_is_a_bucket_or_a_folder(name: str) -> None:
    reader = SettingsReader({"RECORDINGS": f" {name} "})
    assert read_recordings(reader) == RecordingPlace(name)
    reader.finish()


@pytest.mark.parametrize("name", ["gs://", "gs://Bucket", "s3://bucket", "gs://bucket/folder"])
def test_any_other_place_is_told(name: str) -> None:
    reader = SettingsReader({"RECORDINGS": name})
    read_recordings(reader)
    with pytest.raises(ConfigurationError, match="Set it to gs://BUCKET or to a folder"):
        reader.finish()


def test_without_a_place_there_is_none() -> None:
    assert read_recordings(SettingsReader({})) is None

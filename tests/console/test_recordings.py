"""A recorded call on its page: played in ranges, with a log of who listened, and erased."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import msgspec
import pytest

from ringdown.calls import Call
from ringdown.calls.recordings import RecordingPart
from ringdown.stores import Store, open_store
from ringdown.stores.recordings import RecordingPlace
from tests.browser import CHROMIUM, open_page
from tests.console.site import Site, running_site
from tests.console.stored import conversation, furnish, save_call, sid
from tests.ringdown.samples import CALLER, a_call, an_agent
from tests.storage_stand_in import ALL, BUCKET, StorageStandIn, storage_stand_in

RECORDED = msgspec.structs.replace(an_agent(notice="This call is recorded."), record=True)
PAGE, SOUND = f"/calls/{sid(90)}", f"/calls/{sid(90)}/recording.wav"
SECONDS = 20


async def save_recorded_call(store: Store, n: int = 90, *, parts: int = SECONDS) -> Call:
    call = await save_call(store, n, turns=conversation(), agent=RECORDED)
    assert store.recordings is not None
    for number in range(1, parts + 1):
        caller, agent = bytes([number]) * 8_000, bytes([128 + number]) * 8_000
        part = RecordingPart(1, number, 1_000 * number, caller, agent)
        await store.recordings.keep_part(call.call_sid, part)
    return call


@pytest.fixture
async def storage() -> AsyncIterator[StorageStandIn]:
    async with storage_stand_in() as storage:
        yield storage


@pytest.fixture
async def recorded(tmp_path: Path, storage: StorageStandIn) -> AsyncIterator[Site]:
    place = RecordingPlace(f"gs://{BUCKET}", storage.url)
    async with open_store(f"sqlite:{tmp_path / 'ringdown.db'}", place) as store:
        await furnish(store)
        await save_recorded_call(store)
        async with running_site(store) as site:
            yield site


async def test_a_recorded_call_has_a_player(recorded: Site) -> None:
    page = await recorded.page(PAGE)
    assert f'<audio src="{SOUND}" preload="metadata">' in page
    assert "media-src 'self'" in (await recorded.get(PAGE)).headers["Content-Security-Policy"]


async def test_a_call_that_was_not_recorded_has_none(recorded: Site) -> None:
    assert "<audio" not in await recorded.page(f"/calls/{sid(1)}")
    assert (await recorded.get(f"/calls/{sid(1)}/recording.wav")).status_code == 404
    assert (await recorded.get("/calls/CAnone/recording.wav")).status_code == 404


async def whole(site: Site) -> httpx2.Response:
    response = await site.get(SOUND)
    assert response.status_code == 200
    return response


async def test_the_sound_is_one_file(recorded: Site) -> None:
    response = await whole(recorded)
    assert response.headers["Content-Type"] == "audio/wav"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Cache-Control"] == "no-store"
    assert len(response.content) == int(response.headers["Content-Length"])
    assert len(response.content) == 44 + 4 * 8_000 * SECONDS


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-", 0, None),
        ("bytes=0-1", 0, 1),
        ("bytes=100000-", 100_000, None),
        ("bytes=43-46", 43, 46),
        ("bytes=320007-352010", 320_007, 352_010),
        ("bytes=600000-99999999", 600_000, None),
        ("bytes=-100", 640_044 - 100, None),
    ],
)
async def test_a_range_is_what_it_is_of_the_whole(
    recorded: Site, asked: str, first: int, last: int | None
) -> None:
    all_of_it = (await whole(recorded)).content
    response = await recorded.client.get(SOUND, headers={"Range": asked})
    end = len(all_of_it) if last is None else last + 1
    assert response.status_code == 206
    assert response.content == all_of_it[first:end]
    assert response.headers["Content-Range"] == f"bytes {first}-{end - 1}/{len(all_of_it)}"


@pytest.mark.parametrize("asked", ["bytes=999999999-", "bytes=5-4", "bytes=-0"])
async def test_a_range_beyond_the_end_is_refused(recorded: Site, asked: str) -> None:
    response = await recorded.client.get(SOUND, headers={"Range": asked})
    assert response.status_code == 416


@pytest.mark.parametrize("asked", ["", "bytes=", "bytes=-", "seconds=1-2", "bytes=1-2,4-5", "x"])
async def test_what_is_no_range_gets_all(recorded: Site, asked: str) -> None:
    response = await recorded.client.get(SOUND, headers={"Range": asked})
    assert (response.status_code, len(response.content)) == (200, 640_044)


async def test_who_listened_to_which_call_is_logged(
    recorded: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        await whole(recorded)
        await recorded.client.get(SOUND, headers={"Range": "bytes=100000-"})
    assert [record.getMessage() for record in caplog.records].count("recording played") == 1


async def test_a_bucket_that_does_not_answer_takes_the_sound_and_not_the_page(
    recorded: Site, storage: StorageStandIn
) -> None:
    storage.permissions = frozenset()
    page = await recorded.page(PAGE)
    assert "The recording can't be read at the moment." in page
    assert "<audio" not in page
    assert (await recorded.get(SOUND)).status_code == 503


async def test_forgetting_the_caller_erases_the_sound(
    recorded: Site, storage: StorageStandIn
) -> None:
    storage.permissions = ALL - {"create"}
    assert len(storage.objects) == SECONDS
    response = await recorded.post("/callers/forget", {"number": CALLER, "sure": "yes"})
    assert "1 recording" in response.text
    assert storage.objects == {}


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium. Install it: apt-get install chromium")
async def test_it_plays_in_step_with_the_turns(recorded: Site) -> None:
    """A real browser requests the ranges that it needs."""
    turn = conversation()[1]
    async with open_page(f"{recorded.url}{PAGE}") as tab:
        row = "[...document.querySelectorAll('.entry button')]"
        await tab.evaluate(
            f"{row}.find((b) => b.getAttribute('aria-label').includes('Caller')).click()"
        )
        await tab.evaluate(
            "new Promise((done) => document.querySelector('audio')"
            ".addEventListener('timeupdate', done))"
        )
        place_s = await tab.evaluate("document.querySelector('audio').currentTime")
        length_s = await tab.evaluate("document.querySelector('audio').duration")
        playing = await tab.evaluate("!document.querySelector('audio').paused")
        said = await tab.evaluate("""document.querySelector('[aria-current] .said').textContent""")
    assert tab.problems == []
    assert playing
    assert length_s == pytest.approx(SECONDS)
    began_s = a_call().stream_began_ms / 1_000
    assert place_s == pytest.approx(began_s + turn.start_ms / 1_000 - 1.0, abs=1.0)
    assert said == turn.text

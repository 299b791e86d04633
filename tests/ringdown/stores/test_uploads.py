"""Callers' uploads, in every store."""

import asyncio
import datetime

import msgspec
import pytest

from ringdown.calls import CallChanges, CallStatus, NextAction, TwilioStatus
from ringdown.calls.uploads import MOST_IN_A_CALL, MOST_PICTURE_BYTES, Reception, Upload
from ringdown.stores import Store
from tests.ringdown.samples import CALL_SID, CALLER, NOW, a_call, a_claim, a_picture, a_text
from tests.ringdown.stores.contract import Put

OTHER_SID = "CA" + "1" * 32
MINUTE = datetime.timedelta(minutes=1)
COMPLETED = TwilioStatus(status="completed", duration_s=9, final=True)


async def uploads_of(store: Store, call_sid: str = CALL_SID, *, after: int = 0) -> list[Upload]:
    found = await store.later_uploads({call_sid: after})
    return list(found.get(call_sid, ()))


@pytest.fixture
async def talking(store: Store) -> Store:
    await store.open_call(a_call())
    await store.claim(CALL_SID, a_claim())
    return store


async def test_uploads_come_back_in_order(talking: Store, other_store: Store) -> None:
    for upload in (a_picture("one"), a_text("two"), a_picture("three")):
        assert await other_store.add_upload(CALL_SID, upload) is Reception.TAKEN
    numbered = [
        msgspec.structs.replace(upload, n=n)
        for n, upload in enumerate((a_picture("one"), a_text("two"), a_picture("three")), start=1)
    ]
    assert await uploads_of(talking) == numbered
    assert await uploads_of(talking, after=2) == numbered[2:]
    assert await talking.later_uploads({CALL_SID: 3}) == {}
    assert await talking.later_uploads({}) == {}


async def test_many_calls_are_asked_about_together(talking: Store) -> None:
    await talking.open_call(a_call(call_sid=OTHER_SID))
    await talking.add_upload(OTHER_SID, a_text("theirs"))
    found = await talking.later_uploads({CALL_SID: 0, OTHER_SID: 0, f"{OTHER_SID}-unknown": 0})
    assert {sid: [u.id for u in uploads] for sid, uploads in found.items()} == {
        OTHER_SID: ["theirs"]
    }


async def test_one_that_cannot_be_read_hides_none_of_another_call(talking: Store, put: Put) -> None:
    await talking.open_call(a_call(call_sid=OTHER_SID))
    await talking.add_upload(OTHER_SID, a_text())
    await put(f"calls/{CALL_SID}/uploads/000001", {"picture": 7})
    found = await talking.later_uploads({CALL_SID: 0, OTHER_SID: 0})
    assert list(found) == [OTHER_SID]


async def test_an_upload_that_comes_twice_counts_once(talking: Store) -> None:
    await talking.add_upload(CALL_SID, a_picture("one"))
    assert await talking.add_upload(CALL_SID, a_text("one")) is Reception.TAKEN
    assert [upload.picture for upload in await uploads_of(talking)] == [a_picture().picture]


async def test_of_many_at_once_five_are_taken(talking: Store, other_store: Store) -> None:
    adding = (
        (talking if n % 2 else other_store).add_upload(CALL_SID, a_text(f"text-{n}"))
        for n in range(9)
    )
    receptions = await asyncio.gather(*adding)
    assert receptions.count(Reception.TAKEN) == MOST_IN_A_CALL
    assert receptions.count(Reception.TOO_MANY) == 9 - MOST_IN_A_CALL
    assert [upload.n for upload in await uploads_of(talking)] == [1, 2, 3, 4, 5]
    taken = (await uploads_of(talking))[0].id
    assert await talking.add_upload(CALL_SID, a_text(taken)) is Reception.TAKEN, "already taken"


async def test_only_a_live_call_takes_any(store: Store) -> None:
    assert await store.add_upload(CALL_SID, a_text()) is Reception.NOT_IN_CALL, "unknown call"
    await store.open_call(a_call())
    await store.claim(CALL_SID, a_claim())
    await store.save(
        CALL_SID, 1, CallChanges(status=CallStatus.ENDED, next=NextAction.TRANSFER, transfer_to="a")
    )
    assert await store.add_upload(CALL_SID, a_text()) is Reception.NOT_IN_CALL, "transferred"
    await store.resume(CALL_SID)
    assert await store.add_upload(CALL_SID, a_text("one")) is Reception.TAKEN, (
        "the agent has the call back"
    )
    await store.note_twilio_status(CALL_SID, COMPLETED, NOW)
    assert await store.add_upload(CALL_SID, a_text("two")) is Reception.NOT_IN_CALL, "ended"
    assert len(await uploads_of(store)) == 1


async def test_an_upload_outlives_the_attempt_in_which_it_came(talking: Store) -> None:
    await talking.add_upload(CALL_SID, a_text())
    await talking.take_up(CALL_SID, 1, NOW + MINUTE)
    await talking.claim(CALL_SID, a_claim(attempt=2))
    assert len(await uploads_of(talking)) == 1
    assert await talking.add_upload(CALL_SID, a_text("two")) is Reception.TAKEN


async def test_deleting_leaves_nothing_and_stays(talking: Store) -> None:
    await talking.delete_uploads(CALL_SID)
    for n in range(3):
        await talking.add_upload(CALL_SID, a_text(f"text-{n}"))
    await talking.note_twilio_status(CALL_SID, COMPLETED, NOW)
    await talking.delete_uploads(CALL_SID)
    assert await uploads_of(talking) == []
    call = await talking.read_call(CALL_SID)
    assert call is not None
    assert len(call.uploads) == 3, "the record must still list the uploads"


async def test_what_comes_as_the_call_ends_is_refused_or_deleted(
    talking: Store, other_store: Store
) -> None:
    async def end() -> None:
        await other_store.note_twilio_status(CALL_SID, COMPLETED, NOW)
        await other_store.delete_uploads(CALL_SID)

    adding = (talking.add_upload(CALL_SID, a_text(f"text-{n}")) for n in range(5))
    await asyncio.gather(end(), *adding)
    assert await uploads_of(talking) == []


async def test_forgetting_erases_uploads(talking: Store) -> None:
    await talking.add_upload(CALL_SID, a_picture())
    forgotten = await talking.forget_caller(CALLER)
    assert forgotten.documents == 2, "expected the claim and the upload"
    await talking.open_call(a_call())
    assert await uploads_of(talking) == []


async def test_the_largest_picture_fits(talking: Store) -> None:
    picture = b"\xff" * MOST_PICTURE_BYTES
    await talking.add_upload(CALL_SID, a_picture(picture=picture))
    assert [upload.picture for upload in await uploads_of(talking)] == [picture]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"text": "a", "picture": b"a"},
        {"text": "a" * 501},
        {"picture": b"a" * (MOST_PICTURE_BYTES + 1)},
    ],
)
def test_an_upload_is_one_picture_or_text_of_bounded_size(content: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="upload is"):
        Upload(id="one", received_at=NOW, **content)  # type: ignore[arg-type]

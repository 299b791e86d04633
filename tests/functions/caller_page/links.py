"""Live calls, and the links that were sent for them."""

import datetime

import msgspec

from ringdown.calls import CallChanges, CallStatus, NextAction
from ringdown.calls.upload_link import mint
from ringdown.calls.uploads import Upload
from ringdown.stores import Store
from tests.ringdown.samples import CALL_SID, NOW, a_call, a_claim, an_agent

SECRET = "the secret of the links, 32 characters"
OTHER_SID = "CA" + "1" * 32


def link(
    call_sid: str = CALL_SID,
    *,
    page: str = "",
    secrets: tuple[str, ...] = (SECRET,),
    ago: datetime.timedelta = datetime.timedelta(),
) -> str:
    at = datetime.datetime.now(datetime.UTC) - ago
    return mint(page, secrets, call_sid=call_sid, now_s=at.timestamp())


async def begin_call(
    store: Store,
    call_sid: str = CALL_SID,
    *,
    language: str = "en-US",
    keep_photos: bool = False,
) -> None:
    agent = msgspec.structs.replace(
        an_agent(language=language), photos=True, keep_photos=keep_photos
    )
    await store.open_call(a_call(call_sid=call_sid, agent=agent))
    await store.claim(call_sid, a_claim())


async def end_call(store: Store, call_sid: str = CALL_SID) -> None:
    changes = CallChanges(status=CallStatus.ENDED, next=NextAction.HANG_UP, ended_at=NOW)
    await store.save(call_sid, 1, changes)


async def uploads(store: Store, call_sid: str = CALL_SID) -> list[Upload]:
    return list((await store.later_uploads({call_sid: 0})).get(call_sid, ()))

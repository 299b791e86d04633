"""Delivers the store's queue of ended calls, as Pub/Sub does in the cloud."""

import asyncio
import datetime

import httpx2

from devtools.processes import say
from ringdown import clock
from ringdown.calls.ended_calls import EVENT_BODY, QUEUE, QueuedCall, event_headers
from ringdown.documents import to_record
from ringdown.errors import InvalidDocument, StoreUnavailable
from ringdown.stores import Store
from ringdown.stores.documents import Documents

_LOOK_AGAIN_S = 1.0
_ANSWER_WITHIN_S = 60.0
_AT_ONCE = 8


async def deliver_ended_calls(store: Store, url: str) -> None:
    """Post each ended call to the function at `url`, until cancelled."""
    async with httpx2.AsyncClient(timeout=_ANSWER_WITHIN_S, trust_env=False) as http:
        while True:
            try:
                await deliver_due(store.documents, http, url, clock.now())
            except StoreUnavailable as error:
                say(f"Can't read the queue of ended calls right now: {error}.")
            await asyncio.sleep(_LOOK_AGAIN_S)


async def deliver_due(
    documents: Documents, http: httpx2.AsyncClient, url: str, now: datetime.datetime
) -> int:
    """Deliver the calls that are due, a few in parallel. Returns how many are left."""
    waiting = [
        (path, queued)
        for path, document in (await documents.list(QUEUE)).items()
        if (queued := _read(path, document)) is not None
    ]
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(path: str, queued: QueuedCall) -> bool:
        async with turn:
            return await _deliver(documents, http, url, path, queued, now)

    due = [one(path, queued) for path, queued in waiting if queued.due_at <= now]
    return len(waiting) - sum(await asyncio.gather(*due))


async def _deliver(
    documents: Documents,
    http: httpx2.AsyncClient,
    url: str,
    path: str,
    queued: QueuedCall,
    now: datetime.datetime,
) -> bool:
    """Deliver a call. Returns True if it was delivered or won't be tried again."""
    headers = event_headers(queued.call_sid, queued.ended_at)
    try:
        response = await http.post(url, content=EVENT_BODY, headers=headers)
        taken = response.is_success
    except httpx2.HTTPError:
        taken = False
    later = None if taken else queued.after_failure(now)
    if later is None:
        await documents.delete(path)
        if not taken:
            say(
                f"call_ended failed for {queued.call_sid}. To see why:"
                f" ringdown calls show {queued.call_sid}"
            )
        return True
    # Someone may have forgotten the caller in the meantime, or delivered the call.
    await documents.change(QueuedCall, path, lambda stored: None if stored is None else later)
    return False


def _read(path: str, document: object) -> QueuedCall | None:
    try:
        return to_record(QueuedCall, document, where=path)
    except InvalidDocument as error:
        say(f"Can't read a document in the queue of ended calls: {error}.")
        return None

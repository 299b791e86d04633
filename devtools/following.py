"""Reads a call's record repeatedly during the call."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ringdown.calls import CallRecord, CallStatus, CallStore

_LOOK_EVERY_S = 0.25
_RECORD_COMPLETE_WITHIN_S = 5.0


@asynccontextmanager
async def following(
    store: CallStore, call_sid: str, show: Callable[[CallRecord], None]
) -> AsyncIterator[None]:
    """Show the record as it grows while the body runs."""

    async def follow() -> None:
        while True:
            record = await store.read_record(call_sid)
            if record is not None:
                show(record)
            await asyncio.sleep(_LOOK_EVERY_S)

    async with asyncio.TaskGroup() as group:
        follower = group.create_task(follow())
        try:
            yield
        finally:
            follower.cancel()


async def complete_record(store: CallStore, call_sid: str) -> CallRecord | None:
    """Wait for Twilio's last status callback, and return the record; after a few seconds, return it
    without the callback."""
    try:
        async with asyncio.timeout(_RECORD_COMPLETE_WITHIN_S):
            while True:
                record = await store.read_record(call_sid)
                if record is not None and _is_complete(record):
                    return record
                await asyncio.sleep(_LOOK_EVERY_S)
    except TimeoutError:
        return await store.read_record(call_sid)


def _is_complete(record: CallRecord) -> bool:
    return record.call.status is CallStatus.ENDED and record.call.twilio_status is not None

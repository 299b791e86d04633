"""A real store that a test can make unavailable, or slow."""

import asyncio
import datetime

from ringdown.calls import Call, CallChanges, CallRecord, CallStore, Claim, TwilioStatus
from ringdown.errors import StoreUnavailable


class UnsteadyStore:
    def __init__(self, store: CallStore, *, away: bool = False, slow_s: float = 0.0) -> None:
        self.away = away
        """Whether every operation fails, immediately unless `slow_s` is set."""
        self.slow_s = slow_s
        """How long every operation takes before it is done, or fails if the store is away."""
        self._store = store

    async def open_call(self, call: Call) -> Call:
        await self._reach()
        return await self._store.open_call(call)

    async def read_call(self, call_sid: str) -> Call | None:
        await self._reach()
        return await self._store.read_call(call_sid)

    async def claim(self, call_sid: str, claim: Claim) -> Call | None:
        await self._reach()
        return await self._store.claim(call_sid, claim)

    async def save(self, call_sid: str, attempt: int, changes: CallChanges) -> None:
        await self._reach()
        await self._store.save(call_sid, attempt, changes)

    async def accept_transfer(self, call_sid: str, attempt: int) -> Call | None:
        await self._reach()
        return await self._store.accept_transfer(call_sid, attempt)

    async def resume(self, call_sid: str) -> Call | None:
        await self._reach()
        return await self._store.resume(call_sid)

    async def take_up(self, call_sid: str, ended: int, at: datetime.datetime) -> Call | None:
        await self._reach()
        return await self._store.take_up(call_sid, ended, at)

    async def note_stream_error(self, call_sid: str, error: str) -> bool:
        await self._reach()
        return await self._store.note_stream_error(call_sid, error)

    async def note_twilio_status(
        self, call_sid: str, status: TwilioStatus, at: datetime.datetime
    ) -> bool:
        await self._reach()
        return await self._store.note_twilio_status(call_sid, status, at)

    async def read_record(self, call_sid: str) -> CallRecord | None:
        await self._reach()
        return await self._store.read_record(call_sid)

    async def _reach(self) -> None:
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        if self.away:
            raise StoreUnavailable("the store is away")

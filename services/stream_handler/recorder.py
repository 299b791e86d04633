"""Writes a call's record to the store, far from the audio path.

Routine changes are merged and written about once a second; the final ones go at once. Nothing
here is ever awaited by the audio.
"""

import asyncio
import datetime

import msgspec

from ringdown.calls import CallChanges, CallStatus, CallStore
from ringdown.errors import RingdownError, StoreUnavailable
from ringdown.log import Log

_PACE_S = 1.0
_RETRY_PAUSE_S = 0.25
_WRITE_TIMEOUT_S = 3.0
_GIVE_UP_AFTER_S = 10.0

_log = Log(__name__)


class Recorder:
    """The writer of one attempt of one call; `run()` is its task."""

    def __init__(self, store: CallStore, call_sid: str, attempt: int) -> None:
        self._store = store
        self._call_sid = call_sid
        self._attempt = attempt
        self._pending = CallChanges()
        self._changed = asyncio.Event()
        self._finishing = asyncio.Event()

    def save(self, changes: CallChanges) -> None:
        """Have `changes` written within about a second."""
        self._pending |= changes
        self._changed.set()

    def finish(self, changes: CallChanges) -> None:
        """Have the last changes written now; `run()` returns once they are settled."""
        self._pending |= _stamped(changes)
        self._changed.set()
        self._finishing.set()

    async def run(self) -> bool:
        """Write until finished; whether the last changes were committed."""
        while not self._finishing.is_set():
            await self._changed.wait()
            await self._pause(_PACE_S)
            if not self._finishing.is_set():
                await self._write()
        return await self._write_until_done()

    async def _write_until_done(self) -> bool:
        try:
            async with asyncio.timeout(_GIVE_UP_AFTER_S):
                while not await self._write():  # noqa: ASYNC110 - a pause between tries
                    await asyncio.sleep(_RETRY_PAUSE_S)
        except TimeoutError:
            _log.error("call record given up: the store does not answer")
            return False
        return True

    async def _write(self) -> bool:
        """Write what is pending; False if that must be tried again."""
        changes, self._pending = self._pending, CallChanges()
        self._changed.clear()
        if changes == CallChanges():
            return True
        try:
            async with asyncio.timeout(_WRITE_TIMEOUT_S):
                await self._store.save(self._call_sid, self._attempt, changes)
        except (StoreUnavailable, TimeoutError) as error:
            _log.warning("call record not written yet", error=str(error) or "timed out")
        except RingdownError as error:
            _log.error("call record refused", error=str(error))
            return True
        else:
            return True
        self._pending = changes | self._pending
        self._changed.set()
        return False

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than until the end."""
        try:
            async with asyncio.timeout(seconds):
                await self._finishing.wait()
        except TimeoutError:
            pass


def _stamped(changes: CallChanges) -> CallChanges:
    if changes.status is not CallStatus.ENDED:
        return changes
    return msgspec.structs.replace(changes, ended_at=datetime.datetime.now(datetime.UTC))

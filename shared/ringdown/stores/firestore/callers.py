"""Callers, and what they use of the line, in Firestore."""

import datetime
from collections.abc import Callable

from ringdown.calls.callers import BlockedCallers, Caller, Forgotten, ForgottenBlocks, Memory
from ringdown.calls.limits import LineLimits, LineUse
from ringdown.calls.recordings import RecordingStore, may_be_recorded
from ringdown.errors import InvalidDocument, RecordingsOutOfReach
from ringdown.stores import transitions
from ringdown.stores.firestore.database import Database, together
from ringdown.stores.firestore.operations import Condition, Delete, Replace, Stored, Update
from ringdown.stores.line_use import DAY, HOUR, RUNNING
from ringdown.stores.paths import (
    BELOW_CALLS,
    BY_CALLER,
    CALLERS,
    CALLS,
    FORGOTTEN_BLOCKS,
    LIMITS,
    OF_A_CALLER,
    call_path,
    caller_path,
    document_path,
    text_of_id,
)
from ringdown.stores.storable import Document, to_document

_FOUND_AT_ONCE = 20
_MOST_BLOCKED = 10_000
_WRITES_AT_ONCE = 200


class FirestoreCallers:
    """Implements `CallerStore` and `CallerIndex` of `ringdown.calls.callers`, and
    `ringdown.calls.limits.LimitStore`."""

    def __init__(self, database: Database, recordings: RecordingStore | None) -> None:
        self._database = database
        self._recordings = recordings

    # Callers

    async def read_caller(self, number: str) -> Caller:
        async with self._database.deadline():
            stored, blocks = await self._database.read_all(caller_path(number), FORGOTTEN_BLOCKS)
        caller = Caller() if stored is None else stored.record(Caller)
        if caller.blocked or not _forgotten_blocks(blocks).include(number):
            return caller
        return transitions.blocked(caller, True)

    async def blocked_callers(self) -> BlockedCallers:
        async with self._database.deadline():
            found = await self._database.query(
                CALLERS, Condition(("blocked",), "==", True), limit=_MOST_BLOCKED
            )
            blocks = await self._database.read(FORGOTTEN_BLOCKS)
        callers = sorted(text_of_id(stored.path) for stored in found)
        forgotten = len(_forgotten_blocks(blocks).digests)
        return BlockedCallers(callers=tuple(callers), forgotten=forgotten)

    async def block_caller(self, number: str, blocked: bool) -> None:
        if not blocked:
            await self._change_forgotten_blocks(lambda blocks: blocks.without(number))
        await self._change_caller(number, lambda caller: transitions.blocked(caller, blocked))

    async def remember_caller(
        self, number: str, memory: Memory, expires_at: datetime.datetime
    ) -> bool:
        """Writes the call, too, which forgetting erases before the caller."""
        return await self._change_caller(
            number,
            lambda caller: transitions.remembered(caller, memory, expires_at),
            along_with=Update(call_path(memory.call_sid), {"caller": number}),
        )

    async def forget_caller(self, number: str) -> Forgotten:
        """Erases a call after what is below it, so that an interrupted run can be repeated.

        Each step has a deadline, not the whole, because there may be thousands of calls.
        """
        async with self._database.deadline():
            before, blocks = await self._database.read_all(caller_path(number), FORGOTTEN_BLOCKS)
        is_blocked = _readable(before).blocked
        still_blocked = is_blocked or _forgotten_blocks(blocks).include(number)
        if is_blocked:
            await self._change_forgotten_blocks(lambda blocks: blocks.having(number))
        calls = documents = recordings = in_progress = 0
        while found := await self._theirs(CALLS, number):
            for call in found:
                recordings += await self._erase_recording(call)
                documents += await self._erase_below(call.path)
                calls += 1
                in_progress += call.fields.get("status") in RUNNING
            await self._erase(*(call.path for call in found))
        for collection in OF_A_CALLER:
            while found := await self._theirs(collection, number):
                await self._erase(*(document.path for document in found))
                documents += len(found)
        theirs = [caller_path(number), *(document_path(each, number) for each in BY_CALLER)]
        async with self._database.deadline():
            known, *others = await self._database.read_all(*theirs)
            await self._database.commit(*map(Delete, theirs))
        documents += len(others) - others.count(None)
        return Forgotten(
            callers=int(known is not None),
            calls=calls,
            documents=documents,
            recordings=recordings,
            in_progress=in_progress,
            still_blocked=still_blocked,
        )

    async def _change_forgotten_blocks(
        self, decide: Callable[[ForgottenBlocks], ForgottenBlocks]
    ) -> None:
        def decided(stored: Stored | None) -> Document | None:
            blocks = _forgotten_blocks(stored)
            changed = decide(blocks)
            return None if changed == blocks else to_document(changed)

        async with self._database.deadline():
            await self._database.change(FORGOTTEN_BLOCKS, decided)

    async def _change_caller(
        self,
        number: str,
        decide: Callable[[Caller], Caller],
        *,
        along_with: Update | None = None,
    ) -> bool:
        def decided(stored: Stored | None) -> Document | None:
            caller = _readable(stored)
            changed = decide(caller)
            return None if changed == caller else to_document(changed)

        async with self._database.deadline():
            return await self._database.change(caller_path(number), decided, along_with=along_with)

    async def _theirs(self, folder: str, number: str) -> tuple[Stored, ...]:
        async with self._database.deadline():
            theirs = Condition(("caller",), "==", number)
            return await self._database.query(folder, theirs, limit=_FOUND_AT_ONCE)

    async def _erase_recording(self, call: Stored) -> bool:
        """Whether there was one. Raises RecordingsOutOfReach."""
        if not may_be_recorded(call.fields):
            return False
        if self._recordings is None:
            if call.fields.get("started_at") is None:
                return False  # it never streamed, like the doctor's calls
            raise RecordingsOutOfReach
        return await self._recordings.erase_recording(text_of_id(call.path))

    async def _erase_below(self, call: str) -> int:
        """How many documents about the call were erased."""
        count = 0
        for folder in BELOW_CALLS:
            async with self._database.deadline():
                below = await self._database.read_below(f"{call}/{folder}")
            await self._erase(*(stored.path for stored in below))
            count += len(below) if folder != "attempts" else 0
        return count

    async def _erase(self, *paths: str) -> None:
        for start in range(0, len(paths), _WRITES_AT_ONCE):
            async with self._database.deadline():
                batch = paths[start : start + _WRITES_AT_ONCE]
                await self._database.commit(*(Delete(path) for path in batch))

    # Limits

    async def read_limits(self) -> LineLimits:
        async with self._database.deadline():
            stored = await self._database.read(LIMITS)
        return LineLimits() if stored is None else stored.record(LineLimits)

    async def write_limits(self, limits: LineLimits) -> None:
        async with self._database.deadline():
            await self._database.commit(Replace(LIMITS, to_document(limits)))

    async def line_use(self, caller: str | None, now: datetime.datetime) -> LineUse:
        """Counted from the indexes alone: it reads no document, and calls needn't write any."""
        hour = Condition(("created_at",), ">=", now - HOUR)
        day = Condition(("created_at",), ">=", now - DAY)
        running = Condition(("status",), "in", list(RUNNING))
        add_up = self._database.add_up
        wanted = [
            add_up(CALLS, running, hour, newest_by="created_at"),
            add_up(CALLS, hour),
            add_up(CALLS, day, fields=("cost_usd", "talk_s")),
        ]
        if caller is not None:
            theirs = Condition(("caller",), "==", caller)
            wanted.append(add_up(CALLS, theirs, hour, newest_by="created_at"))
        async with self._database.deadline():
            (at_once,), (in_hour,), (_, usd, talk_s), *from_caller = await together(*wanted)
        return LineUse(
            calls_per_caller_per_hour=int(sum(calls for (calls,) in from_caller)),
            calls_at_once=int(at_once),
            calls_per_hour=int(in_hour),
            minutes_per_day=talk_s / 60,
            usd_per_day=usd,
        )


def _forgotten_blocks(stored: Stored | None) -> ForgottenBlocks:
    return ForgottenBlocks() if stored is None else stored.record(ForgottenBlocks)


def _readable(stored: Stored | None) -> Caller:
    """The stored caller; a document that can't be read is replaced."""
    try:
        return Caller() if stored is None else stored.record(Caller)
    except InvalidDocument:
        return Caller()

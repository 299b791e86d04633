"""Callers, and what they use of the line, in SQLite."""

import datetime
from collections.abc import Callable

import msgspec

from ringdown.calls.callers import BlockedCallers, Caller, Forgotten, ForgottenBlocks, Memory
from ringdown.calls.limits import LineLimits, LineUse
from ringdown.calls.recordings import RecordingStore, may_be_recorded
from ringdown.errors import InvalidDocument
from ringdown.stores import transitions
from ringdown.stores.line_use import DAY, HOUR, RUNNING
from ringdown.stores.paths import (
    BELOW_CALLS,
    BY_CALLER,
    FORGOTTEN_BLOCKS,
    LIMITS,
    OF_A_CALLER,
    call_path,
    caller_path,
    document_path,
    text_of_id,
)
from ringdown.stores.sqlite.table import (
    BEGAN,
    CALLS_BY_TIME,
    CALLS_IN_SQL,
    Table,
    Worker,
    fields_of,
)
from ringdown.stores.storable import to_document

_THEIRS = f"{CALLS_IN_SQL} AND body ->> 'caller' = ?"
_OF_THEIRS = " OR ".join(
    f"path > '{each}/' AND path < '{each}0' AND json_valid(body) AND body ->> 'caller' = ?1"
    for each in OF_A_CALLER
)
_USE = f"""
    SELECT count(*) FILTER (WHERE {BEGAN} >= julianday(?1) AND body ->> 'caller' = ?3),
        count(*) FILTER (WHERE {BEGAN} >= julianday(?1) AND body ->> 'status' IN (?4, ?5)),
        count(*) FILTER (WHERE {BEGAN} >= julianday(?1)),
        sum(body ->> 'talk_s') / 60.0, sum(body ->> 'cost_usd')
    FROM documents INDEXED BY {CALLS_BY_TIME} WHERE {CALLS_IN_SQL} AND {BEGAN} >= julianday(?2)
"""  # noqa: S608 - made of constants


class SqliteCallers:
    """Implements `CallerStore` and `CallerIndex` of `ringdown.calls.callers`, and
    `ringdown.calls.limits.LimitStore`."""

    def __init__(self, worker: Worker, recordings: RecordingStore) -> None:
        self._worker = worker
        self._recordings = recordings

    # Callers

    async def read_caller(self, number: str) -> Caller:
        return await self._worker.run(lambda table: _caller(table, number))

    async def blocked_callers(self) -> BlockedCallers:
        return await self._worker.run(_blocked)

    async def block_caller(self, number: str, blocked: bool) -> None:
        if not blocked:
            await self._worker.run(lambda table: _lift_forgotten_block(table, number))
        await self._change_caller(number, lambda caller: transitions.blocked(caller, blocked))

    async def remember_caller(
        self, number: str, memory: Memory, expires_at: datetime.datetime
    ) -> bool:
        return await self._change_caller(
            number,
            lambda caller: transitions.remembered(caller, memory, expires_at),
            only_with=call_path(memory.call_sid),
        )

    async def forget_caller(self, number: str) -> Forgotten:
        recorded = await self._worker.run(lambda table: _recorded(table, number))
        # First, so that it can be repeated: without its record, a call can't be found again.
        erased = [await self._recordings.erase_recording(call_sid) for call_sid in recorded]
        forgotten = await self._worker.run(lambda table: _forget(table, number))
        return msgspec.structs.replace(forgotten, recordings=erased.count(True))

    async def _change_caller(
        self, number: str, decide: Callable[[Caller], Caller], *, only_with: str | None = None
    ) -> bool:
        """False if nothing changes, or the document `only_with` doesn't exist."""
        path = caller_path(number)

        def work(table: Table) -> bool:
            with table.transaction():
                caller = _readable(table, path)
                decided = decide(caller)
                if decided == caller or (only_with and table.fields(only_with) is None):
                    return False
                table.write(path, to_document(decided))
                return True

        return await self._worker.run(work)

    # Limits

    async def read_limits(self) -> LineLimits:
        limits = await self._worker.run(lambda table: table.read(LineLimits, LIMITS))
        return limits or LineLimits()

    async def write_limits(self, limits: LineLimits) -> None:
        def work(table: Table) -> None:
            with table.transaction():
                table.write(LIMITS, to_document(limits))

        await self._worker.run(work)

    async def line_use(self, caller: str | None, now: datetime.datetime) -> LineUse:
        hour, day = (now - HOUR).isoformat(), (now - DAY).isoformat()
        (row,) = await self._worker.run(
            lambda table: tuple(table.rows(_USE, hour, day, caller, *RUNNING))
        )
        return LineUse(
            calls_per_caller_per_hour=row[0],
            calls_at_once=row[1],
            calls_per_hour=row[2],
            minutes_per_day=row[3] or 0.0,
            usd_per_day=row[4] or 0.0,
        )


def _caller(table: Table, number: str) -> Caller:
    caller = table.read(Caller, caller_path(number)) or Caller()
    if caller.blocked or not _forgotten_blocks(table).include(number):
        return caller
    return transitions.blocked(caller, True)


def _blocked(table: Table) -> BlockedCallers:
    found = table.select(
        "path > 'callers/' AND path < 'callers0' AND json_valid(body)"
        " AND body ->> 'blocked' = 1 ORDER BY path"
    )
    callers = tuple(text_of_id(path) for path, _ in found)
    return BlockedCallers(callers=callers, forgotten=len(_forgotten_blocks(table).digests))


def _forgotten_blocks(table: Table) -> ForgottenBlocks:
    return table.read(ForgottenBlocks, FORGOTTEN_BLOCKS) or ForgottenBlocks()


def _lift_forgotten_block(table: Table, number: str) -> None:
    with table.transaction():
        forgotten = _forgotten_blocks(table)
        if forgotten.include(number):
            table.write(FORGOTTEN_BLOCKS, to_document(forgotten.without(number)))


def _readable(table: Table, path: str) -> Caller:
    """The stored caller; a document that can't be read is replaced."""
    try:
        return table.read(Caller, path) or Caller()
    except InvalidDocument:
        return Caller()


def _recorded(table: Table, number: str) -> list[str]:
    """Those of their calls that may have a recording."""
    theirs = list(table.select(_THEIRS, number))
    return [text_of_id(path) for path, body in theirs if may_be_recorded(fields_of(path, body))]


def _forget(table: Table, number: str) -> Forgotten:
    with table.transaction():
        is_blocked = _readable(table, caller_path(number)).blocked
        forgotten = _forgotten_blocks(table)
        if is_blocked:
            forgotten = forgotten.having(number)
            table.write(FORGOTTEN_BLOCKS, to_document(forgotten))
        found = [(path, fields_of(path, body)) for path, body in table.select(_THEIRS, number)]
        theirs = [path for path, _ in found]
        erased = dict.fromkeys(BELOW_CALLS, 0)
        for call in theirs:
            for folder in BELOW_CALLS:
                erased[folder] += table.erase_below(f"{call}/{folder}")
            table.erase(call)
        documents = sum(erased.values()) - erased["attempts"]
        of_theirs = [path for path, _ in table.select(_OF_THEIRS, number)]
        for path in (*of_theirs, *(document_path(each, number) for each in BY_CALLER)):
            documents += int(table.erase(path))
        known = table.erase(caller_path(number))
    table.forget_what_is_erased()
    return Forgotten(
        callers=int(known),
        calls=len(theirs),
        documents=documents,
        in_progress=sum(fields.get("status") in RUNNING for _, fields in found),
        still_blocked=forgotten.include(number),
    )

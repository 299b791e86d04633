"""Calls in SQLite."""

import datetime
from collections.abc import Callable, Iterator

import msgspec
from msgspec.structs import replace

from ringdown.calls import (
    Call,
    CallChanges,
    CallQuery,
    CallRecord,
    Claim,
    EarlyEnd,
    ListedCall,
    ToolCall,
    Turn,
    TwilioStatus,
)
from ringdown.calls.flights import FlightPart
from ringdown.calls.outcomes import Outcome, kept, standing
from ringdown.calls.uploads import Reception, Upload
from ringdown.documents import to_record
from ringdown.errors import InvalidDocument, Superseded
from ringdown.log import Log
from ringdown.stores import transitions
from ringdown.stores.line_use import RUNNING
from ringdown.stores.paths import (
    LAST_CHARACTER,
    call_path,
    claim_path,
    claims_path,
    early_end_path,
    flight_path,
    flights_path,
    outcome_path,
    text_of_id,
    tool_calls_path,
    turns_path,
    upload_path,
    uploads_path,
)
from ringdown.stores.sqlite.table import BEGAN, CALLS_IN_SQL, Table, Worker, fields_of
from ringdown.stores.storable import documents_below, to_document
from ringdown.tools import Json

_log = Log(__name__)


class SqliteCalls:
    """Implements `ringdown.calls.CallStore`, `ringdown.calls.CallIndex`,
    `ringdown.calls.flights.FlightStore`, `ringdown.calls.outcomes.OutcomeStore` and
    `ringdown.calls.uploads.UploadStore`."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def open_call(self, call: Call) -> Call:
        def work(table: Table) -> Call:
            with table.transaction():
                existing = table.read(Call, call_path(call.call_sid))
                if existing is not None:
                    return existing
                early = table.read(EarlyEnd, early_end_path(call.call_sid))
                opened = transitions.opened(call, early)
                table.write(call_path(call.call_sid), to_document(opened))
                table.erase(early_end_path(call.call_sid))
                return opened

        return await self._worker.run(work)

    async def read_call(self, call_sid: str) -> Call | None:
        return await self._worker.run(lambda table: table.read(Call, call_path(call_sid)))

    async def claim(self, call_sid: str, claim: Claim) -> Call | None:
        return await self._worker.run(lambda table: _claim(table, call_sid, claim))

    async def save(self, call_sid: str, attempt: int, changes: CallChanges) -> None:
        await self._worker.run(lambda table: _save(table, call_sid, attempt, changes))

    async def accept_transfer(self, call_sid: str, attempt: int) -> Call | None:
        def decide(call: Call) -> Call | None:
            return transitions.accepted(call, attempt)

        return await self._worker.run(lambda table: _change(table, call_sid, decide))

    async def resume(self, call_sid: str) -> Call | None:
        return await self._worker.run(lambda table: _change(table, call_sid, transitions.resumed))

    async def take_up(self, call_sid: str, ended: int, at: datetime.datetime) -> Call | None:
        def decide(call: Call) -> Call | None:
            return transitions.taken_up(call, ended, at)

        return await self._worker.run(lambda table: _change(table, call_sid, decide))

    async def note_stream_error(self, call_sid: str, error: str) -> bool:
        def decide(call: Call) -> Call:
            return msgspec.structs.replace(call, stream_error=error)

        noted = await self._worker.run(lambda table: _change(table, call_sid, decide))
        return noted is not None

    async def note_twilio_status(
        self, call_sid: str, status: TwilioStatus, at: datetime.datetime
    ) -> bool:
        return await self._worker.run(lambda table: _note_status(table, call_sid, status, at))

    async def read_record(self, call_sid: str) -> CallRecord | None:
        return await self._worker.run(lambda table: _read_record(table, call_sid))

    async def list_calls(self, query: CallQuery) -> tuple[ListedCall, ...]:
        return await self._worker.run(lambda table: tuple(_list_calls(table, query)))

    async def find_sids(self, beginning: str, limit: int) -> tuple[str, ...]:
        return await self._worker.run(lambda table: _find_sids(table, beginning, limit))

    async def keep_flight(self, call_sid: str, parts: tuple[FlightPart, ...]) -> None:
        def work(table: Table) -> None:
            with table.transaction():
                if table.fields(call_path(call_sid)) is not None:
                    for part in parts:
                        path = flight_path(call_sid, part.attempt, part.part)
                        table.write(path, to_document(part))

        await self._worker.run(work)

    async def read_flights(self, call_sid: str) -> tuple[FlightPart, ...]:
        return await self._worker.run(lambda table: table.below(FlightPart, flights_path(call_sid)))

    async def keep_outcome(self, call_sid: str, outcome: Outcome) -> bool:
        return await self._worker.run(lambda table: _keep_outcome(table, call_sid, outcome))

    async def add_upload(self, call_sid: str, upload: Upload) -> Reception:
        return await self._worker.run(lambda table: _add_upload(table, call_sid, upload))

    async def later_uploads(self, seen: dict[str, int]) -> dict[str, tuple[Upload, ...]]:
        return await self._worker.run(lambda table: _later_uploads(table, seen))

    async def delete_uploads(self, call_sid: str) -> None:
        def work(table: Table) -> None:
            with table.transaction():
                erased = table.erase_below(uploads_path(call_sid))
            if erased:
                table.forget_what_is_erased()

        await self._worker.run(work)


_CONDITIONS = f"""
    {CALLS_IN_SQL}
    AND {BEGAN} >= julianday(?1) AND {BEGAN} < julianday(?2)
    AND (?3 IS NULL OR body ->> 'caller' = ?3 OR body ->> 'called' = ?3)
    AND (?4 IS NULL OR body ->> 'agent_id' = ?4)
    AND (?5 IS NULL OR body ->> 'end_reason' IN (SELECT value FROM json_each(?5)))
    AND (?6 IS NULL OR body ->> 'status' IN (SELECT value FROM json_each(?6)))
    AND (?7 IS NULL OR body ->> 'outcome' IN (SELECT value FROM json_each(?7)))
"""  # noqa: S608 - made of constants
_CALLS = f"{_CONDITIONS} ORDER BY {BEGAN} DESC LIMIT ?8"
_ALWAYS = ("0001-01-01", "9999-12-31")


def _values(query: CallQuery) -> Iterator[str | None]:
    """Yield the parameters of `_CONDITIONS`."""
    for when, default in zip((query.since, query.until), _ALWAYS, strict=True):
        yield default if when is None else when.isoformat()
    yield from (query.number, query.agent_id)
    for values in (query.end_reasons, RUNNING if query.live else (), query.outcomes):
        yield msgspec.json.encode(values).decode() if values else None


def _list_calls(table: Table, query: CallQuery) -> Iterator[ListedCall]:
    for path, body in table.select(_CALLS, *_values(query), query.limit):
        try:
            yield to_record(ListedCall, fields_of(path, body), where=path)
        except InvalidDocument as error:
            _log.error("call cannot be read", reason=str(error))


def _find_sids(table: Table, beginning: str, limit: int) -> tuple[str, ...]:
    first = call_path(beginning)
    found = table.select(_BEGINNING_SO, first, f"{first}{LAST_CHARACTER}", limit)
    return tuple(text_of_id(path) for path, _ in found)


_BEGINNING_SO = "path >= ? AND path < ? AND path NOT LIKE 'calls/%/%' ORDER BY path LIMIT ?"


def _claim(table: Table, call_sid: str, claim: Claim) -> Call | None:
    path = claim_path(call_sid, claim.attempt)
    with table.transaction():
        call = table.read(Call, call_path(call_sid))
        if call is None:
            return None
        held = transitions.claimed(call, table.read(Claim, path), claim)
        if held is not None and held != call:
            table.write(path, to_document(claim))
            table.write(call_path(call_sid), to_document(held))
        return held


def _save(table: Table, call_sid: str, attempt: int, changes: CallChanges) -> None:
    with table.transaction():
        call = table.read(Call, call_path(call_sid))
        if call is None or call.attempt != attempt:
            raise Superseded(f"attempt {attempt} isn't the call's current one")
        fields: dict[str, Json] = changes.fields()
        if fields:
            saved = msgspec.structs.replace(call, **fields)
            table.write(call_path(call_sid), to_document(saved))
        for path, document in documents_below(call_sid, changes):
            table.write(path, document)


def _change(table: Table, call_sid: str, decide: Callable[[Call], Call | None]) -> Call | None:
    """Write the call that `decide` returns; None if it refuses, or if the call doesn't exist."""
    with table.transaction():
        call = table.read(Call, call_path(call_sid))
        decided = None if call is None else decide(call)
        if decided is not None and decided != call:
            table.write(call_path(call_sid), to_document(decided))
        return decided


def _note_status(table: Table, call_sid: str, status: TwilioStatus, at: datetime.datetime) -> bool:
    with table.transaction():
        call = table.read(Call, call_path(call_sid))
        if call is None:
            early, path = transitions.early_end(status, at), early_end_path(call_sid)
            if early is not None and table.fields(path) is None:
                table.write(path, to_document(early))
            return False
        noted = transitions.noted(call, status, at)
        if noted != call:
            table.write(call_path(call_sid), to_document(noted))
        return True


def _keep_outcome(table: Table, call_sid: str, outcome: Outcome) -> bool:
    path = outcome_path(call_sid)
    with table.transaction():
        call = table.fields(call_path(call_sid))
        if call is None:
            return False
        written = kept(table.read(Outcome, path), outcome)
        if written is not None:
            table.write(path, to_document(written))
            table.write(call_path(call_sid), {**call, "outcome": standing(written)})
        return written is not None


def _add_upload(table: Table, call_sid: str, upload: Upload) -> Reception:
    with table.transaction():
        call = table.read(Call, call_path(call_sid))
        reception, after = transitions.received(call, upload)
        if after is not None:
            n = len(after.uploads)
            table.write(upload_path(call_sid, n), to_document(replace(upload, n=n)))
            table.write(call_path(call_sid), to_document(after))
        return reception


def _later_uploads(table: Table, seen: dict[str, int]) -> dict[str, tuple[Upload, ...]]:
    later: dict[str, tuple[Upload, ...]] = {}
    for call_sid, last in seen.items():
        n, found = last, list[Upload]()
        while (upload := _upload(table, upload_path(call_sid, n := n + 1))) is not None:
            found.append(upload)
        if found:
            later[call_sid] = tuple(found)
    return later


def _upload(table: Table, path: str) -> Upload | None:
    """Read an upload; None also if it can't be read, so that the others are still found."""
    try:
        return table.read(Upload, path)
    except InvalidDocument as error:
        _log.error("upload cannot be read", reason=str(error))
        return None


def _read_record(table: Table, call_sid: str) -> CallRecord | None:
    call = table.read(Call, call_path(call_sid))
    if call is None:
        return None
    turns = table.below(Turn, turns_path(call_sid))
    tool_calls = table.below(ToolCall, tool_calls_path(call_sid))
    return CallRecord(
        call=call,
        claims=table.below(Claim, claims_path(call_sid)),
        turns=tuple(sorted(turns, key=lambda t: t.start_ms)),
        tool_calls=tuple(sorted(tool_calls, key=lambda t: t.start_ms)),
        outcome=table.read(Outcome, outcome_path(call_sid)),
    )

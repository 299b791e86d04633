"""Calls in SQLite."""

import datetime
from collections.abc import Callable, Iterator

import msgspec

from ringdown.calls import (
    Call,
    CallChanges,
    CallQuery,
    CallRecord,
    Claim,
    EarlyEnd,
    ToolCall,
    Turn,
    TwilioStatus,
)
from ringdown.calls.figures import GROUPED_BY, Figures, Grouping, Period, dearest_first
from ringdown.calls.flights import FlightPart
from ringdown.calls.outcomes import Outcome, kept
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
)
from ringdown.stores.sqlite.table import CALLS_BY_TIME, CALLS_IN_SQL, Table, Worker, fields_of
from ringdown.stores.storable import documents_below, to_document
from ringdown.tools import Json

_log = Log(__name__)


class SqliteCalls:
    """Implements `ringdown.calls.CallStore`, `ringdown.calls.CallIndex`,
    `ringdown.calls.figures.FigureStore`, `ringdown.calls.flights.FlightStore` and
    `ringdown.calls.outcomes.OutcomeStore`."""

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

    async def list_calls(self, query: CallQuery) -> tuple[Call, ...]:
        return await self._worker.run(lambda table: tuple(_list_calls(table, query)))

    async def find_sids(self, beginning: str, limit: int) -> tuple[str, ...]:
        return await self._worker.run(lambda table: _find_sids(table, beginning, limit))

    async def count_calls(self, *queries: CallQuery) -> tuple[int, ...]:
        return await self._worker.run(lambda table: tuple(_count(table, q) for q in queries))

    async def add_up_calls(self, *periods: Period) -> tuple[Figures, ...]:
        return await self._worker.run(lambda table: tuple(_added_up(table, p) for p in periods))

    async def add_up_calls_by(self, by: Grouping, period: Period) -> dict[str, Figures]:
        return await self._worker.run(lambda table: _added_up_by(table, by, period))

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


_BEGAN = "julianday(body ->> 'created_at')"
_CONDITIONS = f"""
    {CALLS_IN_SQL}
    AND {_BEGAN} >= julianday(?1) AND {_BEGAN} < julianday(?2)
    AND (?3 IS NULL OR body ->> 'caller' = ?3 OR body ->> 'called' = ?3)
    AND (?4 IS NULL OR body ->> 'called' = ?4)
    AND (?5 IS NULL OR body ->> 'agent_id' = ?5)
    AND (?6 IS NULL OR body ->> 'end_reason' IN (SELECT value FROM json_each(?6)))
    AND (?7 IS NULL OR body ->> 'status' IN (SELECT value FROM json_each(?7)))
"""  # noqa: S608 - made of constants
_CALLS = f"{_CONDITIONS} ORDER BY {_BEGAN} DESC LIMIT ?8"
_COUNT = f"SELECT count(*) FROM documents INDEXED BY {CALLS_BY_TIME} WHERE {_CONDITIONS}"  # noqa: S608 - likewise
_ADDED_UP = f"""
    WITH found AS MATERIALIZED (
        SELECT body ->> ?3 AS name, body ->> 'talk_s' AS talk_s, body ->> 'cost_usd' AS cost_usd
        FROM documents INDEXED BY {CALLS_BY_TIME}
        WHERE {CALLS_IN_SQL} AND {_BEGAN} >= julianday(?1) AND {_BEGAN} < julianday(?2)
    )
    SELECT name, count(*), sum(talk_s), sum(cost_usd) FROM found GROUP BY name
"""  # noqa: S608 - made of constants
"""Without the first step, whole documents would be sorted."""
_ALWAYS = ("0001-01-01", "9999-12-31")


def _values(query: CallQuery) -> Iterator[str | None]:
    """What `_CONDITIONS` needs."""
    for when, default in zip((query.since, query.until), _ALWAYS, strict=True):
        yield default if when is None else when.isoformat()
    yield from (query.number, query.called, query.agent_id)
    yield msgspec.json.encode(query.end_reasons).decode() if query.end_reasons else None
    yield msgspec.json.encode(RUNNING).decode() if query.live else None


def _list_calls(table: Table, query: CallQuery) -> Iterator[Call]:
    for path, body in table.select(_CALLS, *_values(query), query.limit):
        try:
            yield to_record(Call, fields_of(path, body), where=path)
        except InvalidDocument as error:
            _log.error("call cannot be read", reason=str(error))


def _count(table: Table, query: CallQuery) -> int:
    ((calls,),) = table.rows(_COUNT, *_values(query))
    return int(calls)


def _added_up(table: Table, period: Period) -> Figures:
    rows = table.rows(_ADDED_UP, *_ends(period), None)
    return _figures(rows[0]) if rows else Figures()


def _added_up_by(table: Table, by: Grouping, period: Period) -> dict[str, Figures]:
    rows = table.rows(_ADDED_UP, *_ends(period), GROUPED_BY[by])
    return dearest_first({row[0]: _figures(row) for row in rows if isinstance(row[0], str)})


def _ends(period: Period) -> tuple[str, str]:
    return period.since.isoformat(), period.until.isoformat()


def _figures(row: tuple[Json, ...]) -> Figures:
    _, calls, talk_s, cost_usd = row
    return Figures(calls=calls, talk_s=talk_s or 0.0, cost_usd=cost_usd or 0.0)


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
    """Write what `decide` makes of the call; None if it refuses, or if the call doesn't exist."""
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
        if table.fields(call_path(call_sid)) is None:
            return False
        written = kept(table.read(Outcome, path), outcome)
        if written is not None:
            table.write(path, to_document(written))
        return written is not None


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

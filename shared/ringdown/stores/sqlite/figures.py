"""Figures about calls in SQLite."""

import datetime
from collections.abc import Iterator
from itertools import islice

import msgspec

from ringdown.calls.figures import CountedCall, Day, Period
from ringdown.errors import InvalidDocument
from ringdown.stores.paths import DAYS, day_path
from ringdown.stores.sqlite.table import BEGAN, CALLS_BY_TIME, CALLS_IN_SQL, Table, Worker
from ringdown.stores.storable import to_document

_FIELDS = CountedCall.__struct_fields__
_COUNTED = f"""
    SELECT {", ".join(f"body ->> '{name}'" for name in _FIELDS)}
    FROM documents INDEXED BY {CALLS_BY_TIME}
    WHERE {CALLS_IN_SQL} AND {BEGAN} >= julianday(?1) AND {BEGAN} <= julianday(?2)
    ORDER BY {BEGAN}, body ->> 'created_at'
"""  # noqa: S608 - made of constants
"""Selects a little more than the period, because SQLite's julianday() only has milliseconds."""


class SqliteFigures:
    """Implements `ringdown.calls.figures.FigureStore`."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def list_counted(self, period: Period, limit: int) -> tuple[CountedCall, ...]:
        return await self._worker.run(lambda table: tuple(islice(_counted(table, period), limit)))

    async def read_days(self, *periods: Period) -> tuple[Day | None, ...]:
        return await self._worker.run(lambda table: tuple(_day(table, each) for each in periods))

    async def keep_day(self, day: Day, over: Day | None) -> bool:
        def work(table: Table) -> bool:
            with table.transaction():
                is_unchanged = _day(table, day.period) == over
                if is_unchanged:
                    table.write(_path(day.period), to_document(day))
                return is_unchanged

        return await self._worker.run(work)

    async def erase_days(self, at: datetime.datetime) -> None:
        def work(table: Table) -> None:
            with table.transaction():
                for path, fields in table.fields_below(DAYS):
                    if _instant(fields["since"]) <= at < _instant(fields["until"]):
                        table.erase(path)

        await self._worker.run(work)


def _counted(table: Table, period: Period) -> Iterator[CountedCall]:
    for row in table.rows(_COUNTED, period.since.isoformat(), period.until.isoformat()):
        there = {n: value for n, value in zip(_FIELDS, row, strict=True) if value is not None}
        try:
            call = msgspec.convert(there, CountedCall, strict=False)  # in SQLite, false is 0
        except msgspec.ValidationError:
            continue  # a damaged call, which isn't listed either
        if period.since <= call.created_at < period.until:
            yield call


def _day(table: Table, period: Period) -> Day | None:
    try:
        return table.read(Day, _path(period))
    except InvalidDocument:
        return None


def _path(period: Period) -> str:
    return day_path(period.since, period.until)


def _instant(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)

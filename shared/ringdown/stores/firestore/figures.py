"""Figures about calls in Firestore."""

import datetime

from ringdown.calls.figures import CountedCall, Day, Period
from ringdown.stores.firestore.database import Database
from ringdown.stores.firestore.operations import Condition, Delete, Stored
from ringdown.stores.paths import CALLS, DAYS, day_path
from ringdown.stores.storable import Document, to_document

_LONGEST_DAY = datetime.timedelta(hours=26)
_MOST_DAYS = 400
"""More than there are time zones, because a moment belongs to one day in each."""


class FirestoreFigures:
    """Implements `ringdown.calls.figures.FigureStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_counted(self, period: Period, limit: int) -> tuple[CountedCall, ...]:
        async with self._database.deadline():
            found = await self._database.query_oldest(
                CALLS,
                Condition(("created_at",), ">=", period.since),
                Condition(("created_at",), "<", period.until),
                by="created_at",
                fields=CountedCall.__struct_fields__,
                limit=limit,
            )
        calls = (stored.record_if_readable(CountedCall) for stored in found)
        return tuple(call for call in calls if call is not None)

    async def read_days(self, *periods: Period) -> tuple[Day | None, ...]:
        async with self._database.deadline():
            found = await self._database.read_all(*map(_path, periods))
        return tuple(map(_day, found))

    async def keep_day(self, day: Day, over: Day | None) -> bool:
        def decided(stored: Stored | None) -> Document | None:
            return to_document(day) if _day(stored) == over else None

        async with self._database.deadline():
            return await self._database.change(_path(day.period), decided)

    async def erase_days(self, at: datetime.datetime) -> None:
        async with self._database.deadline():
            begun = await self._database.query(
                DAYS,
                Condition(("since",), ">=", at - _LONGEST_DAY),
                Condition(("since",), "<", at + datetime.timedelta(microseconds=1)),
                fields=("until",),
                limit=_MOST_DAYS,
            )
            if theirs := [stored.path for stored in begun if stored.fields["until"] > at]:
                await self._database.commit(*map(Delete, theirs))


def _path(period: Period) -> str:
    return day_path(period.since, period.until)


def _day(stored: Stored | None) -> Day | None:
    return None if stored is None else stored.record_if_readable(Day)

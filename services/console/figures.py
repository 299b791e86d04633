"""What calls cost in hours and days; what can't change any more is added up once."""

import datetime
from collections import OrderedDict

from ringdown.calls.figures import Figures, FigureStore, Period
from ringdown.calls.line_state import LONGEST_CALL

_MOST = 500
_FOR = datetime.timedelta(hours=1)
"""Then it is added up again: calls of a caller who was forgotten are gone."""


class SettledFigures:
    """Remembers the figures of periods in which no call can be live any more."""

    def __init__(self, store: FigureStore) -> None:
        self._store = store
        self._known: OrderedDict[Period, tuple[Figures, datetime.datetime]] = OrderedDict()

    async def of(self, *periods: Period, now: datetime.datetime) -> tuple[Figures, ...]:
        """Raises StoreUnavailable."""
        begun = [period for period in periods if period.since <= now]
        asked = [period for period in begun if not self._is_known(period, now)]
        if asked:
            found = await self._store.add_up_calls(*asked)
            for period, figures in zip(asked, found, strict=True):
                self._known[period] = (figures, now)
                self._known.move_to_end(period)
        known = tuple(self._known[each][0] if each in begun else Figures() for each in periods)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        return known

    def _is_known(self, period: Period, now: datetime.datetime) -> bool:
        if period not in self._known or period.until + LONGEST_CALL > now:
            return False
        return now - self._known[period][1] < _FOR

"""What calls cost in hours and days; what can't change any more is added up once."""

import asyncio
import datetime
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from ringdown.calls.figures import Figures, Period
from ringdown.calls.line_state import LONGEST_CALL

_MOST = 500
_FOR = datetime.timedelta(hours=1)
"""Then it is added up again: calls of a caller who was forgotten are gone."""
_AT_ONCE = 4

AddUpCalls = Callable[..., Awaitable[tuple[Figures, ...]]]


class SettledFigures:
    """Remembers the figures of periods in which no call can be live any more."""

    def __init__(self, add_up_calls: AddUpCalls) -> None:
        """`add_up_calls` as `FigureStore` has it."""
        self._add_up_calls = add_up_calls
        self._known: OrderedDict[Period, tuple[Figures, datetime.datetime]] = OrderedDict()

    async def of(
        self, *periods: Period, now: datetime.datetime, within_s: float
    ) -> tuple[Figures, ...] | None:
        """None if the store takes longer; what it has added up until then need not be asked for
        next time. Raises StoreUnavailable."""
        begun = [period for period in periods if period.since <= now]
        asked = [period for period in begun if not self._is_known(period, now)]
        try:
            async with asyncio.timeout(within_s):
                for n in range(0, len(asked), _AT_ONCE):
                    await self._add_up(asked[n : n + _AT_ONCE], now)
        except TimeoutError:
            return None
        return tuple(self._known[each][0] if each in begun else Figures() for each in periods)

    async def _add_up(self, periods: list[Period], now: datetime.datetime) -> None:
        found = await self._add_up_calls(*periods)
        for period, figures in zip(periods, found, strict=True):
            self._known[period] = (figures, now)
            self._known.move_to_end(period)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

    def _is_known(self, period: Period, now: datetime.datetime) -> bool:
        if period not in self._known or period.until + LONGEST_CALL > now:
            return False
        return now - self._known[period][1] < _FOR

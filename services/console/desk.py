"""What every page needs: the store, the time, and what is worked out from them."""

import asyncio
import datetime
import zoneinfo
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ringdown.agents import DEFAULT_AGENT_ID
from ringdown.calls.figures import Day, Period, read_days
from ringdown.stores import Store

_WITHIN_S = 2.0
UTC = zoneinfo.ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Desk:
    store: Store
    now: Callable[[], datetime.datetime]

    async def days(
        self, periods: Sequence[Period], now: datetime.datetime
    ) -> tuple[Day, ...] | None:
        """Return the totals of each day; None if adding them up takes too long.

        That can happen the first time anyone views many calls. Whatever was added up by then is
        kept for next time.
        """
        try:
            async with asyncio.timeout(_WITHIN_S):
                return await read_days(self.store, periods, now)
        except TimeoutError:
            return None

    async def zone(self) -> zoneinfo.ZoneInfo:
        """Return the line's time zone: the default agent's, or else UTC."""
        agent = await self.store.read_agent(DEFAULT_AGENT_ID)
        name = None if agent is None else agent.document.get("time_zone")
        try:
            return zoneinfo.ZoneInfo(name) if isinstance(name, str) else UTC
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            return UTC

"""What every page works with."""

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
        """The sums of each. None if that takes too long, the first time that anyone looks at many
        calls: what is kept until then need not be added up next time."""
        try:
            async with asyncio.timeout(_WITHIN_S):
                return await read_days(self.store, periods, now)
        except TimeoutError:
            return None

    async def zone(self) -> zoneinfo.ZoneInfo:
        """Where the line is: the default agent's time zone, else UTC."""
        agent = await self.store.read_agent(DEFAULT_AGENT_ID)
        name = None if agent is None else agent.document.get("time_zone")
        try:
            return zoneinfo.ZoneInfo(name) if isinstance(name, str) else UTC
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            return UTC

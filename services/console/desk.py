"""What every page works with."""

import datetime
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass, field

from console.figures import SettledFigures
from ringdown.agents import DEFAULT_AGENT_ID
from ringdown.stores import Store

UTC = zoneinfo.ZoneInfo("UTC")


@dataclass(slots=True)
class Desk:
    store: Store
    now: Callable[[], datetime.datetime]
    figures: SettledFigures = field(init=False)

    def __post_init__(self) -> None:
        self.figures = SettledFigures(self.store.add_up_calls)

    async def zone(self) -> zoneinfo.ZoneInfo:
        """Where the line is: the default agent's time zone, else UTC."""
        agent = await self.store.read_agent(DEFAULT_AGENT_ID)
        name = None if agent is None else agent.document.get("time_zone")
        try:
            return zoneinfo.ZoneInfo(name) if isinstance(name, str) else UTC
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            return UTC

"""The outcomes of calls, counted by day and by agent."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.desk import Desk
from console.showing import OUTCOMES, Pages
from ringdown.calls.figures import Day, days_until, outcomes_by_agent

_DAYS = 30


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    counts: Mapping[str, int]
    """How many calls had each outcome, by the words of `STANDINGS`."""
    date: str = ""
    """Set only if the row is for a day."""

    @property
    def calls(self) -> int:
        return sum(self.counts.values())


class OutcomePages:
    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages

    def routes(self) -> list[Route]:
        return [Route("/calls/outcomes", self.show)]

    async def show(self, request: Request) -> Response:
        now, zone = self._desk.now(), await self._desk.zone()
        days = await self._desk.days(days_until(now, zone, _DAYS), now)
        by = "agent" if request.query_params.get("by") == "agent" else "day"
        rows = _by_agent(days or ()) if by == "agent" else _by_day(days or (), zone)
        return self._pages.page(
            request,
            "outcomes.html",
            rows=[row for row in rows if row.calls],
            ready=days is not None,
            by=by,
            words=OUTCOMES,
            count_of_days=_DAYS,
        )


def _by_agent(days: Sequence[Day]) -> Iterator[Row]:
    for agent_id, counts in outcomes_by_agent(days).items():
        yield Row(agent_id, counts)


def _by_day(days: Sequence[Day], zone: datetime.tzinfo) -> Iterator[Row]:
    for day in days:
        date = day.since.astimezone(zone).date()
        yield Row(f"{date:%a %d %b}", outcomes_of(day), date.isoformat())


def outcomes_of(day: Day) -> Mapping[str, int]:
    """Return the day's outcomes, for all agents together."""
    return {word: sum(counts.get(word, 0) for counts in day.outcomes.values()) for word in OUTCOMES}

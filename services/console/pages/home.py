"""The first page: is it all right, and what needs a person?"""

import asyncio
import datetime
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.desk import Desk
from console.showing import Pages, count
from ringdown.agents import DEFAULT_AGENT_ID
from ringdown.calls import CallQuery, EndReason
from ringdown.calls.figures import Figures, Period, day_of, hours_of
from ringdown.calls.line_state import Concern, Hours, LineState, Subject, line_state
from ringdown.calls.wording import money
from ringdown.errors import StoreUnavailable

_HOURS_WITHIN_S = 1.0
_TO_PERSON = (EndReason.TRANSFERRED, EndReason.CALLER_ASKED_FOR_PERSON)


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a person should look at, and where."""

    what: str
    text: str
    address: str
    action: str


@dataclass(frozen=True, slots=True)
class Bar:
    hour: int
    calls: int
    height: float
    """The share of the busiest hour."""


class HomePage:
    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages

    def routes(self) -> list[Route]:
        return [Route("/", self.show)]

    async def show(self, request: Request) -> Response:
        now, zone = self._desk.now(), await self._desk.zone()
        store, today = self._desk.store, day_of(now, zone)
        people = CallQuery(since=today.since, until=today.until, end_reasons=_TO_PERSON)
        state, (reached,) = await asyncio.gather(
            line_state(store, now, zone), store.count_calls(people)
        )
        by_hour = await self._by_hour(today, now)
        return self._pages.page(
            request,
            "home.html",
            state=state,
            sentence=_sentence(state, reached),
            opening=_opening(state.hours.get(DEFAULT_AGENT_ID), now),
            needs=[_need(concern) for concern in state.concerns],
            bars=None if by_hour is None else _bars(by_hour, zone, today.since),
            zone=zone,
            now=now,
        )

    async def _by_hour(self, today: Period, now: datetime.datetime) -> Sequence[Figures] | None:
        """None if the store takes too long to add them up: the rest of the page counts more."""
        hours = hours_of(today)
        try:
            return await self._desk.figures.of(*hours, now=now, within_s=_HOURS_WITHIN_S)
        except StoreUnavailable:
            return None


def _sentence(state: LineState, reached: int) -> str:
    limit = state.limits.usd_per_day
    of = "" if limit is None else f" of {money(limit)} a day"
    parts = [
        f"{count(len(state.live), 'call')} now",
        f"{state.today.calls:,} today",
        f"{money(state.today.cost_usd)} today{of}",
    ]
    if reached:
        parts.append(f"{count(reached, 'caller')} reached a person")
    return " · ".join(parts)


def _opening(hours: Hours | None, now: datetime.datetime) -> str:
    if hours is None or (hours.is_open and hours.changes_at is None):
        return "Always open."
    if hours.changes_at is None:
        return "Closed."
    is_today = hours.changes_at.date() == now.astimezone(hours.changes_at.tzinfo).date()
    at = f"{hours.changes_at:%H:%M}" if is_today else f"{hours.changes_at:%A %H:%M}"
    return f"Open until {at}." if hours.is_open else f"Closed until {at}."


_WHERE = {
    Subject.AGENT: ("Agent", "/agents/{}", "Correct it"),
    Subject.NUMBER: ("Number", "/numbers", "Choose an agent"),
    Subject.LIMIT: ("Limit", "/costs", "See limits"),
    Subject.CALLS: ("Calls", "/calls?failed={}", "See the calls"),
}


def _need(concern: Concern) -> Need:
    what, address, action = _WHERE[concern.subject]
    named = concern.subject is Subject.AGENT
    return Need(
        what=f"{what} {concern.name}" if named else what,
        text=concern.text,
        address=address.format(quote(concern.name, safe="")),
        action=action,
    )


def _bars(
    by_hour: Sequence[Figures], zone: zoneinfo.ZoneInfo, since: datetime.datetime
) -> list[Bar]:
    most = max((figures.calls for figures in by_hour), default=0) or 1
    hour = datetime.timedelta(hours=1)
    return [
        Bar((since + n * hour).astimezone(zone).hour, figures.calls, figures.calls / most)
        for n, figures in enumerate(by_hour)
    ]

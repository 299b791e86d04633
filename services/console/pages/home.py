"""The first page: is the line working, and what needs attention?"""

import datetime
import zoneinfo
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.desk import Desk
from console.showing import Pages, count
from ringdown.agents import DEFAULT_AGENT_ID
from ringdown.calls import EndReason
from ringdown.calls.figures import Day, hours_of
from ringdown.calls.line_state import Concern, Hours, LineState, Subject, line_state
from ringdown.calls.wording import money
from ringdown.webhooks.lost import host_of

_TO_PERSON = (EndReason.TRANSFERRED, EndReason.CALLER_ASKED_FOR_PERSON)


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a person should check, and where."""

    what: str
    text: str
    address: str
    action: str


@dataclass(frozen=True, slots=True)
class Bar:
    hour: int
    calls: int
    height: float
    """Relative to the busiest hour."""


class HomePage:
    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages

    def routes(self) -> list[Route]:
        return [Route("/", self.show)]

    async def show(self, request: Request) -> Response:
        now, zone = self._desk.now(), await self._desk.zone()
        state = await line_state(self._desk.store, now, zone)
        return self._pages.page(
            request,
            "home.html",
            state=state,
            sentence=_sentence(state),
            opening=_opening(state.hours.get(DEFAULT_AGENT_ID), now),
            needs=[_need(concern) for concern in state.concerns],
            today=state.today.figures,
            bars=_bars(state.today, zone),
            zone=zone,
            now=now,
        )


def _sentence(state: LineState) -> str:
    today = state.today.figures
    reached = sum(state.today.endings.get(reason.value, 0) for reason in _TO_PERSON)
    limit = state.limits.usd_per_day
    of = "" if limit is None else f" of {money(limit)} a day"
    parts = [
        f"{count(len(state.live), 'call')} now",
        f"{today.calls:,} today",
        f"{money(today.cost_usd)} today{of}",
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
    Subject.OUTCOMES: ("Outcomes", "/calls?outcome={}", "See the calls"),
    Subject.WEBHOOK: ("Webhook", "/calls/{}", "See the newest call"),
}


def _need(concern: Concern) -> Need:
    what, address, action = _WHERE[concern.subject]
    name, about = "", concern.name
    if concern.subject is Subject.AGENT:
        name = concern.name
    elif concern.subject is Subject.WEBHOOK:
        name, about = host_of(concern.name), concern.calls[0]
    return Need(
        what=f"{what} {name}".rstrip(),
        text=concern.text,
        address=address.format(quote(about, safe="")),
        action=action,
    )


def _bars(today: Day, zone: zoneinfo.ZoneInfo) -> list[Bar]:
    most = max(today.hours.values(), default=1)
    return [
        Bar(hour.since.astimezone(zone).hour, calls, calls / most)
        for n, hour in enumerate(hours_of(today.period))
        for calls in (today.hours.get(str(n), 0),)
    ]

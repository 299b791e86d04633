"""Costs and limits: what calls cost by day, agent and number, and the most they may cost."""

import asyncio
import calendar
import datetime
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from console.desk import Desk
from console.forms import Form, read_form
from console.showing import Pages
from ringdown.calls.figures import Day, Figures, days_until, shares, total
from ringdown.calls.limits import LineLimits, LineUse
from ringdown.errors import InvalidDocument
from ringdown.log import Log

_DAYS = 30
_WEEK = 7
_AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")
_log = Log(__name__)
LIMITS = {
    "calls_per_caller_per_hour": "Calls from one caller per hour",
    "calls_at_once": "Simultaneous calls",
    "calls_per_hour": "Calls per hour",
    "minutes_per_day": "Minutes in 24 hours",
    "usd_per_day": "Dollars in 24 hours",
}
"""Each limit's label on the page."""


@dataclass(frozen=True, slots=True)
class Row:
    date: datetime.date
    figures: Figures
    share: float
    """Relative to the most expensive day."""


@dataclass(frozen=True, slots=True)
class Limit:
    name: str
    label: str
    value: str
    used: str
    share: float | None
    """How much of it is used; None if unknown or unlimited."""


class CostPages:
    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages

    def routes(self) -> list[Route]:
        return [
            Route("/costs", self.show),
            Route("/costs/limits", self.limit, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        store, now, zone = self._desk.store, self._desk.now(), await self._desk.zone()
        periods = days_until(now, zone, _DAYS)
        days, limits, use = await asyncio.gather(
            self._desk.days(periods, now), _limits(self._desk), store.line_use(None, now)
        )
        figures = None if days is None else [day.figures for day in days]
        dates = [period.since.astimezone(zone).date() for period in periods]
        by = request.query_params.get("by", "day")
        return self._pages.page(
            request,
            "costs.html",
            days=None if figures is None else _rows(dates, figures),
            total=None if figures is None else total(figures),
            forecast=None if figures is None else _forecast(dates, figures),
            by=by,
            shares=_shares(days or (), by),
            limits=list(_limits_shown(limits, use)),
            count_of_days=_DAYS,
        )

    async def limit(self, request: Request) -> Response:
        limits = _limits_in(await read_form(request))
        await self._desk.store.write_limits(limits)
        _log.info("limits changed", by=request.state.person.name)
        return RedirectResponse("/costs?said=limited", 303)


async def _limits(desk: Desk) -> LineLimits | None:
    """Return the limits; None if they can't be read.

    Then no limit applies, and saving the form creates new ones.
    """
    try:
        return await desk.store.read_limits()
    except InvalidDocument:
        return None


def _shares(days: Sequence[Day], by: str) -> dict[str, Figures]:
    """Return figures by agent or by called number for the last week."""
    if by not in ("agent", "number"):
        return {}
    return shares(days[:_WEEK], "agent" if by == "agent" else "number")


def _rows(dates: Sequence[datetime.date], figures: Sequence[Figures]) -> list[Row]:
    dearest = max((each.cost_usd for each in figures), default=0.0) or 1.0
    return [
        Row(date, each, each.cost_usd / dearest) for date, each in zip(dates, figures, strict=True)
    ]


def _forecast(dates: Sequence[datetime.date], figures: Sequence[Figures]) -> float | None:
    """Return the cost of the whole month if its other days are like the last seven full ones."""
    today = dates[0]
    full = figures[1 : _WEEK + 1]
    if not any(each.calls for each in full):
        return None
    so_far = total(
        each for date, each in zip(dates, figures, strict=True) if _in_month(date, today)
    )
    left = calendar.monthrange(today.year, today.month)[1] - today.day
    return so_far.cost_usd + left * total(full).cost_usd / len(full)


def _in_month(date: datetime.date, today: datetime.date) -> bool:
    return (date.year, date.month) == (today.year, today.month)


def _limits_shown(limits: LineLimits | None, use: LineUse) -> Iterator[Limit]:
    for name, label in LIMITS.items():
        value = None if limits is None else getattr(limits, name)
        used = getattr(use, name)
        knows = value is not None and name != "calls_per_caller_per_hour"
        yield Limit(
            name=name,
            label=label,
            value="" if value is None else f"{value:g}",
            used=f"{used:,.2f}".removesuffix(".00") if knows else "",
            share=min(1.0, used / value) if knows else None,
        )


def _limits_in(form: Form) -> LineLimits:
    """Raises HTTPException naming what can't be a limit."""
    wanted = {name: _amount(form.text(name), label) for name, label in LIMITS.items()}
    try:
        return msgspec.convert(wanted, LineLimits, strict=True)
    except msgspec.ValidationError as error:
        field = str(error).rpartition("$.")[2].rstrip("`")
        label = LIMITS.get(field, field)
        raise HTTPException(
            422, f"{label}: enter a number above 0 (whole, for calls), or nothing for no limit."
        ) from None


def _amount(text: str, label: str) -> float | None:
    if not text:
        return None
    if not _AMOUNT.fullmatch(text):
        raise HTTPException(422, f"{label}: “{text}” isn't a number above 0.")
    amount = float(text)
    return int(amount) if amount.is_integer() else amount

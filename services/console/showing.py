"""Renders values into the pages' templates, always as text and never as markup."""

import datetime
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse

from ringdown.calls.wording import ending, length, money, number_shown

FOLDER = Path(str(resources.files("console")))
SECTIONS = (
    ("/", "Home"),
    ("/calls", "Calls"),
    ("/agents", "Agents"),
    ("/numbers", "Numbers & hours"),
    ("/callers", "Callers"),
    ("/costs", "Costs & limits"),
    ("/people", "People"),
)
SAID = {
    "assigned": "Saved. The next call to that number goes to this agent.",
    "blocked": "Blocked. The next call from this number is rejected.",
    "discarded": "Draft discarded. The agent is unchanged.",
    "drafted": "Draft saved. No one hears it yet: add your number to its testers.",
    "limited": "Saved. These limits apply from the next call.",
    "made": "Created. No number goes to it yet: choose one under Numbers & hours.",
    "not-blocked": "This caller wasn't blocked, so nothing was changed.",
    "people": "Saved. It takes effect on the next page load.",
    "published": "Published. The next call uses it.",
    "restored": "Restored. The next call uses this revision.",
    "saved": "Saved. The next call uses it.",
    "unassigned": "Saved. The default agent answers this number.",
    "unblocked": "Unblocked. The next call from this number is answered.",
    "unchanged": "Nothing was changed.",
}
"""What the next page says after a form was sent."""


OUTCOMES = {
    "yes": "Success",
    "no": "No success",
    "unclear": "Unclear",
    "problem": "Not determined",
}
"""The label on pages for each word of `STANDINGS`."""


class Pages:
    """Renders templates. Every page has the same bar at the top."""

    def __init__(self) -> None:
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(
            count=count,
            duration=length,
            ending=ending,
            money=money,
            moment=moment,
            number=_number,
            outcome=lambda word: OUTCOMES.get(word, ""),
        )

    def page(
        self, request: Request, template: str, *, status: int = 200, **values: Any
    ) -> HTMLResponse:
        return HTMLResponse(self.text(request, template, **values), status)

    def text(self, request: Request, template: str, **values: Any) -> str:
        path = request.url.path
        return self.template(template).render(
            person=getattr(request.state, "person", None),
            is_framed=request.headers.get("sec-fetch-dest") == "iframe",
            sections=SECTIONS,
            here=max((each for each, _ in SECTIONS if path.startswith(each)), key=len),
            said=SAID.get(request.query_params.get("said", ""), ""),
            **values,
        )

    def template(self, name: str) -> jinja2.Template:
        return self._templates.get_template(name)


def _number(number: str, whole: bool = False) -> str:
    return number_shown(number, whole=whole)


def moment(at: datetime.datetime, zone: ZoneInfo, now: datetime.datetime) -> str:
    """Write a time in `zone`: `09:30`, `yesterday 09:30`, or with its date."""
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    days = (today - local.date()).days
    if days == 0:
        return f"{local:%H:%M}"
    if days == 1:
        return f"yesterday {local:%H:%M}"
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def count(number: int, noun: str, nouns: str | None = None) -> str:
    """Write a number with its noun: `1 call`, `1,204 calls`."""
    return f"1 {noun}" if number == 1 else f"{number:,} {nouns or noun + 's'}"

"""Numbers and hours: which agent answers which number, and what happens at a given time."""

import datetime
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from console.desk import Desk
from console.forms import read_form
from console.showing import Pages
from ringdown.agents import DEFAULT_AGENT_ID, Agent
from ringdown.agents.opening_hours import WEEKDAYS, is_open, next_change
from ringdown.agents.phrases import phrases_for
from ringdown.calls.answering import Answering, answering
from ringdown.calls.outside_hours import words_of
from ringdown.calls.wording import number_shown
from ringdown.phone_numbers import is_e164

_EVERY_OTHER = ""
_NOBODY = ""


@dataclass(frozen=True, slots=True)
class Line:
    agent_id: str
    numbers: tuple[str, ...]
    """Empty if the agent answers only numbers that aren't assigned to any other."""
    answer: Answering | None

    @property
    def week(self) -> list[tuple[str, str]]:
        hours = None if self.answer is None else self.answer.agent.opening_hours
        days = ["24h"] * 7 if hours is None else hours.week
        return [(day.capitalize(), each) for day, each in zip(WEEKDAYS, days, strict=True)]

    @property
    def closed_on(self) -> tuple[str, ...]:
        hours = None if self.answer is None else self.answer.agent.opening_hours
        return () if hours is None else hours.closed_on


class NumberPages:
    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages

    def routes(self) -> list[Route]:
        return [
            Route("/numbers", self.show),
            Route("/numbers", self.assign, methods=["POST"]),
            Route("/numbers/unset", self.unset, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        store, asked = self._desk.store, request.query_params
        numbers = await store.list_numbers()
        agents = [agent.agent_id for agent in await store.list_agents()]
        lines = [line async for line in self._lines(numbers)]
        line = next((each for each in lines if each.agent_id == asked.get("agent")), lines[0])
        at = _asked_time(asked.get("at", ""))
        steps = [] if at is None else list(what_happens(line, at))
        return self._pages.page(
            request,
            "numbers.html",
            numbers=sorted(numbers.items()),
            agents=agents,
            lines=lines,
            asked=line.agent_id,
            at=_next_sunday(self._desk.now()) if at is None else at,
            steps=steps,
            default=DEFAULT_AGENT_ID,
        )

    async def _lines(self, numbers: dict[str, str]) -> AsyncIterator[Line]:
        """Yield the default agent first: it answers every number not assigned to another."""
        others = sorted({*numbers.values()} - {DEFAULT_AGENT_ID})
        for agent_id in (DEFAULT_AGENT_ID, *others):
            own = tuple(sorted(number for number, name in numbers.items() if name == agent_id))
            called = own[0] if own else _EVERY_OTHER
            yield Line(agent_id, own, await answering(self._desk.store, called, _NOBODY))

    async def assign(self, request: Request) -> Response:
        form = await read_form(request)
        number, agent_id = form.text("number").replace(" ", ""), form.text("agent")
        if not is_e164(number):
            raise HTTPException(422, _no_number(number))
        if await self._desk.store.read_agent(agent_id) is None:
            raise HTTPException(422, f"Agent {agent_id} doesn't exist. Create it first.")
        await self._desk.store.write_number(number, agent_id)
        return RedirectResponse("/numbers?said=assigned", 303)

    async def unset(self, request: Request) -> Response:
        await self._desk.store.delete_number((await read_form(request)).text("number"))
        return RedirectResponse("/numbers?said=unassigned", 303)


def what_happens(line: Line, at: datetime.datetime) -> Iterator[str]:
    """Describe what happens if someone calls `line` at `at`, local time: one sentence per step."""
    if line.answer is None:
        yield "The agent that ships with Ringdown answers, because no other can."
        return
    agent, place = line.answer.agent, line.answer.agent.time_zone or "UTC"
    when = f"{at:%A} {at.day} {at:%B %Y, %H:%M} in {place}"
    hours = agent.opening_hours
    if hours is None:
        yield f"{when}: the line is always open."
    elif is_open(hours, at):
        yield f"{when}: the line is open{_until(next_change(hours, at), 'closes')}."
    else:
        yield f"{when}: the line is closed{_until(next_change(hours, at), 'opens')}."
        if hours.outside != "answer":
            yield from _turned_away(agent)
            return
        yield "The agent also answers outside its hours."
    yield from _answered(line.answer)


def _until(change: datetime.datetime | None, verb: str) -> str:
    return "" if change is None else f" and {verb} on {change:%A} at {change:%H:%M}"


def _turned_away(agent: Agent) -> Iterator[str]:
    hours = agent.opening_hours
    wants_person = hours is not None and hours.outside == "fallback_number"
    number = agent.fallback_number if wants_person else None
    words, _ = words_of(agent, to_person=number is not None)
    if words.strip():
        yield f"The caller hears: “{words}”"
    if number is not None:
        yield f"Then {number_shown(number, whole=False)} is dialled."
    elif wants_person:
        yield "Then the line's fallback number is dialled, if Terraform was given one."
    else:
        yield "Then the call ends."


def _answered(answer: Answering) -> Iterator[str]:
    agent = answer.agent
    notice = phrases_for(agent.language).notice if agent.notice is None else agent.notice
    if notice.strip():
        yield f"The caller hears the notice: “{notice}”"
    yield f"{answer.agent_id} answers: “{agent.greeting}”"
    if answer.problem is not None:
        yield f"This is an earlier version; the newest can't be used: {answer.problem}"


def _asked_time(text: str) -> datetime.datetime | None:
    """Read the value of a browser's date and time field; None for anything else."""
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return (
        at.replace(tzinfo=None) if datetime.MINYEAR + 2 < at.year < datetime.MAXYEAR - 2 else None
    )


def _next_sunday(now: datetime.datetime) -> datetime.datetime:
    sunday = now + datetime.timedelta(days=(6 - now.weekday()) % 7)
    return sunday.replace(hour=20, minute=0, second=0, microsecond=0)


def _no_number(text: str) -> str:
    digits = re.sub("[^0-9]", "", text)
    meant = f" Did you mean +1{digits}?" if len(digits) == 10 else ""
    return f"“{text}” isn't a phone number with a country code.{meant} Write it like +14155550100."

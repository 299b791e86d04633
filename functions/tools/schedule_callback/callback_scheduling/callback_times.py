"""Works out when a person can call back, from the agent's opening hours and time zone. Pure."""

import datetime

from ringdown.agents import Agent
from ringdown.agents.opening_hours import OpeningHours, is_open
from ringdown.agents.template_values import comes_twice, local_time, which_of_two

SOONEST = datetime.timedelta(minutes=5)
LATEST = datetime.timedelta(days=30)
_STEP = datetime.timedelta(minutes=15)
_LOOKED_AHEAD = datetime.timedelta(days=14)


class CannotCallThen(Exception):
    """No one can call back at that time; the message tells the model why."""


def chosen_time(text: str, agent: Agent, now: datetime.datetime) -> datetime.datetime:
    """Parse a time in the agent's time zone. Raises CannotCallThen."""
    here = local_time(agent, now)
    try:
        wall = datetime.datetime.fromisoformat(text)
        at = (wall if wall.tzinfo else _coming(wall, here)).astimezone(datetime.UTC)
        local = at.astimezone(here.tzinfo)
    except (ValueError, OverflowError):
        raise CannotCallThen(
            "The time must be written as YYYY-MM-DDTHH:MM, such as"
            f" {here + datetime.timedelta(days=1):%Y-%m-%dT15:00}."
        ) from None
    if wall.tzinfo is None and local.replace(tzinfo=None) != wall:
        raise CannotCallThen("The clocks are put forward over that time. Ask for another one.")
    if at < now + SOONEST:
        raise CannotCallThen(f"That is too soon: it is {spoken(here)} now. Ask for a later one.")
    if at > now + LATEST:
        raise CannotCallThen(f"That is more than {LATEST.days} days away. Ask for an earlier time.")
    hours = agent.opening_hours
    if hours is not None and not is_open(hours, local):
        raise CannotCallThen(f"Nobody is there at {spoken(local)}.{_next_open(hours, local)}")
    return local


def _coming(wall: datetime.datetime, here: datetime.datetime) -> datetime.datetime:
    """Return `wall` in the time zone of `here`; if that time occurs twice, the first one still to
    come."""
    first = wall.replace(tzinfo=here.tzinfo)
    is_over = first.astimezone(datetime.UTC) <= here.astimezone(datetime.UTC)
    return first.replace(fold=1) if is_over and comes_twice(first) else first


def spoken(local: datetime.datetime) -> str:
    """Word a time like `Monday, November 23, at 3 PM`, with the UTC offset if it occurs twice."""
    hour = f"{local:%I}".lstrip("0")
    minutes = f":{local:%M}" if local.minute else ""
    which = which_of_two(local)
    return f"{local:%A, %B} {local.day}, at {hour}{minutes} {local:%p}{which}"


def _next_open(hours: OpeningHours, local: datetime.datetime) -> str:
    quarter = local.replace(minute=local.minute - local.minute % 15, second=0, microsecond=0)
    for step in range(1, _LOOKED_AHEAD // _STEP):
        later = (quarter.astimezone(datetime.UTC) + step * _STEP).astimezone(local.tzinfo)
        if is_open(hours, later):
            return f" The next time somebody is there: {spoken(later)}. Offer it."
    return " Tell the caller that no callback can be arranged."

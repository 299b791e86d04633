"""The values of template fields in a call."""

import datetime
import zoneinfo

from ringdown.agents import Agent
from ringdown.agents.opening_hours import WEEKDAYS, is_open
from ringdown.calls import Call
from ringdown.phone_numbers import is_somebody

_LONGEST_MEMORY = 2_000


def template_values(call: Call, age_ms: float) -> dict[str, str]:
    """Return every field's value `age_ms` after the call's first stream began.

    An invalid number is left empty, because a caller could put any text there.
    """
    local = _local_time_in_call(call, age_ms)
    return {
        "local_time": f"{local:%H:%M}{which_of_two(local)}",
        "local_date": local.strftime("%Y-%m-%d"),
        "weekday": WEEKDAYS[local.weekday()].capitalize(),
        "business_open": "open" if is_business_open(call.agent, local) else "closed",
        "caller_memory": (call.caller_memory or "")[:_LONGEST_MEMORY],
        "caller_facts": call.caller_facts or "",
        "caller_number": call.caller if is_somebody(call.caller) else "",
        "called_number": call.called if is_somebody(call.called) else "",
        "language": call.agent.language,
    }


def _local_time_in_call(call: Call, age_ms: float) -> datetime.datetime:
    began = call.started_at or call.created_at
    return local_time(call.agent, began + datetime.timedelta(milliseconds=age_ms))


def local_time(agent: Agent, at: datetime.datetime) -> datetime.datetime:
    """Convert `at` to the agent's time zone, or to UTC if that is missing or unknown."""
    try:
        return at.astimezone(zoneinfo.ZoneInfo(agent.time_zone or "UTC"))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return at.astimezone(datetime.UTC)


def clock_in_words(call: Call, age_ms: float) -> str:
    """Return weekday, date, time and place, such as `Monday, 2026-11-02, 10:30 in Europe/Berlin
    (UTC+01:00)`, `age_ms` after the call's first stream began."""
    local = _local_time_in_call(call, age_ms)
    offset, place = utc_offset(local), str(local.tzinfo)
    where = f"({offset})" if place == offset else f"in {place} ({offset})"
    return f"{WEEKDAYS[local.weekday()].capitalize()}, {local:%Y-%m-%d}, {local:%H:%M} {where}"


def utc_offset(local: datetime.datetime) -> str:
    """Return the offset from UTC, such as `UTC+01:00`; `UTC` if it is zero."""
    return str(datetime.timezone(local.utcoffset() or datetime.timedelta()))


def comes_twice(local: datetime.datetime) -> bool:
    """Whether this time occurs twice that day, because the clocks go back."""
    return local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()


def which_of_two(local: datetime.datetime) -> str:
    """Return what to write after a time that occurs twice, such as ` (UTC+02:00)`; else nothing."""
    return f" ({utc_offset(local)})" if comes_twice(local) else ""


def is_business_open(agent: Agent, at: datetime.datetime) -> bool:
    """Whether `at` is within the agent's opening hours; without any, it is always open."""
    return agent.opening_hours is None or is_open(agent.opening_hours, local_time(agent, at))

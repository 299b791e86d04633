"""What the fields of a template stand for in a call."""

import datetime
import zoneinfo

from ringdown.agents import Agent
from ringdown.agents.opening_hours import WEEKDAYS, is_open
from ringdown.calls import Call
from ringdown.phone_numbers import is_somebody

_LONGEST_MEMORY = 2_000


def template_values(call: Call, age_ms: float) -> dict[str, str]:
    """Every field's value `age_ms` after the call's first stream began.

    Only what a caller cannot make up freely: a number that is none is left empty.
    """
    began = call.started_at or call.created_at
    local = local_time(call.agent, began + datetime.timedelta(milliseconds=age_ms))
    return {
        "local_time": local.strftime("%H:%M"),
        "local_date": local.strftime("%Y-%m-%d"),
        "weekday": WEEKDAYS[local.weekday()].capitalize(),
        "business_open": "open" if is_business_open(call.agent, local) else "closed",
        "caller_memory": (call.caller_memory or "")[:_LONGEST_MEMORY],
        "caller_number": call.caller if is_somebody(call.caller) else "",
        "called_number": call.called if is_somebody(call.called) else "",
        "language": call.agent.language,
    }


def local_time(agent: Agent, at: datetime.datetime) -> datetime.datetime:
    """`at` as the clocks show it where the agent is; UTC if that is not said or not known."""
    try:
        return at.astimezone(zoneinfo.ZoneInfo(agent.time_zone or "UTC"))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return at.astimezone(datetime.UTC)


def is_business_open(agent: Agent, at: datetime.datetime) -> bool:
    """Whether the agent's opening hours say so; without any it is always open."""
    return agent.opening_hours is None or is_open(agent.opening_hours, local_time(agent, at))

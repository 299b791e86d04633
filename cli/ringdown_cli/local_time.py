"""Dates and times in the user's time zone."""

import datetime
from collections.abc import Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class _ThisMachine(datetime.tzinfo):
    """The system's time zone, even if it has no name."""

    def utcoffset(self, local: datetime.datetime | None) -> datetime.timedelta | None:
        return None if local is None else local.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, local: datetime.datetime | None) -> datetime.timedelta | None:
        return None

    def tzname(self, local: datetime.datetime | None) -> str | None:
        return None if local is None else local.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, utc: datetime.datetime) -> datetime.datetime:
        return utc.replace(tzinfo=datetime.UTC).astimezone().replace(tzinfo=self)


def time_zone(environ: Mapping[str, str]) -> datetime.tzinfo:
    """Return the zone that TZ names, such as Europe/Berlin, or else the system's."""
    try:
        return ZoneInfo(environ.get("TZ", ""))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return _ThisMachine()


def day_and_minute(when: datetime.datetime, zone: datetime.tzinfo) -> str:
    """Format a time like `2026-11-22 09:30`, which commands accept as an argument."""
    return f"{when.astimezone(zone):%Y-%m-%d %H:%M}"


def zone_name(when: datetime.datetime, zone: datetime.tzinfo) -> str:
    """Return the name of the time zone at a time, such as `CET`."""
    return when.astimezone(zone).tzname() or "UTC"


def with_zone(when: datetime.datetime, zone: datetime.tzinfo) -> str:
    """Format a time like `2026-11-22 09:30 CET`."""
    return f"{day_and_minute(when, zone)} {zone_name(when, zone)}"


def column_of_times(
    head: str, times: list[datetime.datetime], zone: datetime.tzinfo
) -> tuple[str, list[str]]:
    """Return a column's heading, which names the zone, and its cells. If the clocks changed in
    between, each cell names its zone instead."""
    names = {zone_name(when, zone) for when in times}
    if len(names) > 1:
        return head, [with_zone(when, zone) for when in times]
    name = f" ({names.pop()})" if names else ""
    return f"{head}{name}", [day_and_minute(when, zone) for when in times]

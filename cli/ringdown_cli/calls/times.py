"""Parses times as operators write them."""

import datetime
import re

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"([0-9]{1,6})([mhdw])")


class NoTime(ValueError):
    """The text isn't a time; the message says how to write one."""


def moment(text: str, now: datetime.datetime) -> datetime.datetime:
    """Parse a time: `90m`, `24h`, `7d` or `2w` ago, `today`, `yesterday`, or a day or time in the
    time zone of `now`. Raises NoTime.
    """
    word = text.strip().lower()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if word == "today":
        return midnight
    if word == "yesterday":
        return midnight - datetime.timedelta(days=1)
    try:
        if ago := _AGO.fullmatch(word):
            return now - datetime.timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        written = datetime.datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise NoTime(
            f"Can't read {text!r} as a time. Try 90m, 24h, 7d, today, yesterday, 2026-11-21 or"
            " 2026-11-21T09:30."
        ) from None
    return written if written.tzinfo is not None else written.replace(tzinfo=now.tzinfo)

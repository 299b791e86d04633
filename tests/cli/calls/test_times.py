import datetime
from zoneinfo import ZoneInfo

import pytest

from ringdown_cli.calls.times import NoTime, moment

NOW = datetime.datetime(2026, 11, 22, 9, 30, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90m", "2026-11-22T08:00+00:00"),
        ("24h", "2026-11-21T09:30+00:00"),
        ("7d", "2026-11-15T09:30+00:00"),
        ("2W", "2026-11-08T09:30+00:00"),
        ("today", "2026-11-22T00:00+00:00"),
        (" yesterday ", "2026-11-21T00:00+00:00"),
        ("2026-11-21", "2026-11-21T00:00+00:00"),
        ("2026-11-21 08:15", "2026-11-21T08:15+00:00"),
        ("2026-11-21T08:15:30Z", "2026-11-21T08:15:30+00:00"),
        ("2026-11-21T08:15+02:00", "2026-11-21T06:15+00:00"),
    ],
)
def test_times_are_read_as_people_write_them(text: str, expected: str) -> None:
    assert moment(text, NOW) == datetime.datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("today", "2026-10-25T00:00+02:00"),
        ("2026-10-25 08:15", "2026-10-25T08:15+01:00"),
        ("2026-10-24", "2026-10-24T00:00+02:00"),
    ],
)
def test_days_and_times_are_those_of_the_persons_clock(text: str, expected: str) -> None:
    now = datetime.datetime(2026, 10, 25, 9, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert moment(text, now) == datetime.datetime.fromisoformat(expected)


@pytest.mark.parametrize("text", ["", "soon", "24", "-3h", "999999w", "2026-13-01", "h", "3 h"])
def test_other_texts_are_told_how_to_write_a_time(text: str) -> None:
    with pytest.raises(NoTime, match=r"as a time\. Try 90m"):
        moment(text, NOW)

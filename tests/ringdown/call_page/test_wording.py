import datetime

import pytest

from ringdown.call_page.wording import length, short_number
from ringdown.wording import count, day_and_time


@pytest.mark.parametrize("number", ["", "anonymous", "sip:a@example.com", "+266696687"])
def test_what_is_no_phone_number_is_not_shown(number: str) -> None:
    assert short_number(number) == "an unknown number"


def test_a_phone_number_is_shown_by_its_end() -> None:
    assert short_number("+14155550123") == "…0123"


def test_lengths_and_counts_read_well() -> None:
    assert [length(900), length(59_999), length(60_000)] == ["0 s", "59 s", "1 min 0 s"]
    assert [count(1, "turn"), count(1_200, "turn")] == ["1 turn", "1,200 turns"]


def test_times_are_in_utc() -> None:
    east = datetime.timezone(datetime.timedelta(hours=2))
    when = datetime.datetime(2026, 11, 2, 1, 5, tzinfo=east)

    assert day_and_time(when) == "1 November 2026, 23:05 UTC"

"""What the shared package still does wrong."""

import datetime

import msgspec
import pytest

from ringdown.agents.template_values import template_values
from ringdown.calls import Call
from ringdown.calls.stream_token import mint, verify
from ringdown.errors import TokenRefused
from ringdown.tools.url import problem_with_url
from tests.ringdown.samples import CALL_SID, a_call, an_agent

SECRET = "s" * 32


def call_at(at: datetime.datetime, zone: str = "Europe/Berlin") -> Call:
    agent = msgspec.structs.replace(an_agent(), time_zone=zone)
    return msgspec.structs.replace(a_call(agent=agent), created_at=at, started_at=at)


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="The hour that comes twice a year is told as one."
)
def test_the_two_hours_of_an_autumn_night_read_differently() -> None:
    first = datetime.datetime(2026, 10, 25, 0, 30, tzinfo=datetime.UTC)
    second = first + datetime.timedelta(hours=1)

    times = [template_values(call_at(at), 0.0)["local_time"] for at in (first, second)]
    assert times[0] != times[1]


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="A token is accepted in other spellings."
)
@pytest.mark.parametrize(
    ("written", "spelled"),
    [("v1.1.", "v1.01."), ("v1.1.", "v1.+1."), ("v1.1.", "v1. 1."), ("v1.1.", "v1.\u0661.")],
)
def test_a_token_has_one_spelling(written: str, spelled: str) -> None:
    token = mint(SECRET, call_sid=CALL_SID, attempt=1, now_s=0)
    other = token.replace(written, spelled)
    assert other != token

    try:
        verify(SECRET, other, call_sid=CALL_SID, now_s=1)
    except TokenRefused:
        return
    raise AssertionError(f"{spelled} is accepted for {written}")


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="Other full stops hide a forbidden host."
)
@pytest.mark.parametrize(
    "url", ["https://169。254。169。254/", "https://metadata。google。internal/"]
)
def test_a_forbidden_host_is_refused_with_any_full_stop(url: str) -> None:
    assert problem_with_url(url) is not None

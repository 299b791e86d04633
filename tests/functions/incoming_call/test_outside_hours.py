"""Callers outside an agent's opening hours, over HTTP."""

import datetime

import msgspec
import pytest

from ringdown.agents import Agent
from ringdown.agents.opening_hours import OpeningHours
from ringdown.agents.phrases import phrases_for
from ringdown.calls import CallStatus, EndReason, NextAction
from tests.functions.incoming_call.records import store_locked, stored_call, write_agent
from tests.functions.incoming_call.stand_ins import Twilio, a_form, twiml, verbs
from tests.ringdown.samples import CALLED, an_agent

NEVER = OpeningHours()
LINE_NUMBER = "+14155550199"
CLOSED = phrases_for("en").closed


def an_agent_with(hours: OpeningHours, **fields: object) -> Agent:
    return msgspec.structs.replace(
        an_agent(), time_zone="America/Los_Angeles", opening_hours=hours, **fields
    )


def answer(twilio: Twilio) -> tuple[list[str], list[str | None]]:
    """Return the response's verbs, and what each says or dials."""
    document = twiml(twilio.post("/", a_form()))
    return verbs(document), [verb.text for verb in document]


def test_outside_the_hours_a_caller_hears_so_and_the_call_ends(
    twilio: Twilio, store_url: str
) -> None:
    write_agent(store_url, an_agent_with(NEVER))
    assert answer(twilio) == (["Say", "Hangup"], [CLOSED, None])
    call = stored_call(store_url)
    assert call is not None
    assert (call.status, call.end_reason) == (CallStatus.ENDED, EndReason.OUTSIDE_HOURS)
    assert (call.next, call.ended_at) == (NextAction.HANG_UP, call.created_at)


def test_a_repeated_delivery_gets_the_same_answer(twilio: Twilio, store_url: str) -> None:
    write_agent(store_url, an_agent_with(NEVER))
    first = answer(twilio)
    write_agent(store_url, an_agent())
    twilio.post("/status", a_form(CallStatus="completed", CallDuration="4"))
    assert answer(twilio) == first


def test_the_operators_own_message_is_said_in_the_agents_language(
    twilio: Twilio, store_url: str
) -> None:
    hours = msgspec.structs.replace(NEVER, message="Wir sind ab acht <wieder> da.")
    write_agent(store_url, an_agent_with(hours, language="de-DE"))
    [say, _] = twiml(twilio.post("/", a_form()))
    assert (say.text, say.get("language")) == ("Wir sind ab acht <wieder> da.", "de-DE")


def test_an_empty_message_says_nothing(twilio: Twilio, store_url: str) -> None:
    write_agent(store_url, an_agent_with(msgspec.structs.replace(NEVER, message=" ")))
    assert answer(twilio) == (["Hangup"], [None])


@pytest.mark.parametrize("own", [None, "+14155550122"])
def test_outside_the_hours_a_person_may_be_dialled(
    twilio: Twilio, store_url: str, own: str | None
) -> None:
    hours = msgspec.structs.replace(NEVER, outside="fallback_number")
    write_agent(store_url, an_agent_with(hours, fallback_number=own))
    said = phrases_for("en").connecting
    assert answer(twilio) == (["Say", "Dial", "Hangup"], [said, own or LINE_NUMBER, None])
    call = stored_call(store_url)
    assert call is not None
    assert call.next is NextAction.CONNECT_PERSON


def test_a_line_does_not_dial_itself(twilio: Twilio, store_url: str) -> None:
    hours = msgspec.structs.replace(NEVER, outside="fallback_number")
    write_agent(store_url, an_agent_with(hours, fallback_number=CALLED))
    assert answer(twilio) == (["Say", "Hangup"], [CLOSED, None])


def test_an_agent_may_answer_all_the_same(twilio: Twilio, store_url: str) -> None:
    write_agent(store_url, an_agent_with(msgspec.structs.replace(NEVER, outside="answer")))
    assert answer(twilio)[0] == ["Connect", "Redirect"]


def test_within_the_hours_the_agent_answers(twilio: Twilio, store_url: str) -> None:
    every_day = OpeningHours(
        monday="24h",
        tuesday="24h",
        wednesday="24h",
        thursday="24h",
        friday="24h",
        saturday="24h",
        sunday="24h",
    )
    write_agent(store_url, an_agent_with(every_day))
    assert answer(twilio)[0] == ["Connect", "Redirect"]
    call = stored_call(store_url)
    assert call is not None
    assert call.end_reason is None


def test_a_day_off_is_one_where_the_agent_is(twilio: Twilio, store_url: str) -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    days = [today + datetime.timedelta(days=n) for n in (-1, 0, 1)]
    off = OpeningHours(
        monday="24h",
        tuesday="24h",
        wednesday="24h",
        thursday="24h",
        friday="24h",
        saturday="24h",
        sunday="24h",
        closed_on=tuple(day.isoformat() for day in days),
    )
    write_agent(store_url, an_agent_with(off))
    assert answer(twilio)[0] == ["Say", "Hangup"]


def test_a_store_that_fails_changes_nothing(twilio: Twilio, store_url: str) -> None:
    write_agent(store_url, an_agent_with(NEVER))
    answer(twilio)
    with store_locked(store_url):
        other = a_form(CallSid="CA" + "f" * 32)
        assert verbs(twiml(twilio.post("/", other))) == ["Say", "Hangup"]

"""The caller ID shown to the person dialled for a caller: without one, Twilio doesn't dial."""

from collections.abc import Callable

import msgspec
import pytest

from ringdown.agents.opening_hours import OpeningHours
from ringdown.calls import CallChanges, NextAction
from ringdown.calls.limits import LineLimits
from tests.functions.incoming_call.records import (
    handler_saved,
    stream_began,
    with_store,
    write_agent,
)
from tests.functions.incoming_call.stand_ins import Form, Twilio, a_form, twiml
from tests.ringdown.samples import CALLED, CALLER, a_call, an_agent
from voice_webhook.call_twiml import caller_id

PERSON = "+14155550177"
NOBODY = ["sip:alice@example.sip.twilio.com", "client:bob", "+266696687", "anonymous", ""]

Dialling = Callable[[Twilio, str, Form], str | None]
"""Takes a call to the point where a person is dialled; returns the callerId of that `<Dial>`."""


def shown(twilio: Twilio, path: str, form: Form) -> str | None:
    [dial] = twiml(twilio.post(path, form)).findall("Dial")
    return dial.get("callerId")


def decided(next_action: NextAction) -> Dialling:
    """Return a `Dialling` for a call whose stream handler decided on `next_action`."""

    def dialling(twilio: Twilio, store_url: str, form: Form) -> str | None:
        agent = an_agent(transfer_numbers={"billing": PERSON})
        call = msgspec.structs.replace(
            a_call(agent=agent, fallback_number=PERSON), caller=form["From"]
        )
        stream_began(store_url, call)
        handler_saved(store_url, CallChanges(next=next_action, transfer_to="billing"))
        return shown(twilio, "/after-stream", form)

    return dialling


def outside_hours(twilio: Twilio, store_url: str, form: Form) -> str | None:
    agent = msgspec.structs.replace(
        an_agent(),
        time_zone="America/Los_Angeles",
        opening_hours=OpeningHours(outside="fallback_number"),
    )
    write_agent(store_url, agent)
    return shown(twilio, "/", form)


def full_line(twilio: Twilio, store_url: str, form: Form) -> str | None:
    with_store(store_url, lambda store: store.write_limits(LineLimits(calls_per_hour=1)))
    twilio.post("/", a_form(CallSid=f"CA{1:032x}"))
    return shown(twilio, "/", form)


def unknown_call(twilio: Twilio, store_url: str, form: Form) -> str | None:
    return shown(twilio, "/after-stream", form)


def unanswered_transfer_of_an_unknown_call(
    twilio: Twilio, store_url: str, form: Form
) -> str | None:
    return shown(twilio, "/after-dial", form | {"DialCallStatus": "busy"})


def fallback_url(twilio: Twilio, store_url: str, form: Form) -> str | None:
    return shown(twilio, "/fallback", form | {"ErrorCode": "11205"})


DIALLING: dict[str, Dialling] = {
    "apology": decided(NextAction.FALL_BACK),
    "a person is wanted": decided(NextAction.CONNECT_PERSON),
    "busy": decided(NextAction.BUSY),
    "transfer": decided(NextAction.TRANSFER),
    "outside the hours": outside_hours,
    "full line": full_line,
    "unknown call": unknown_call,
    "unanswered transfer": unanswered_transfer_of_an_unknown_call,
    "fallback URL": fallback_url,
}


@pytest.mark.parametrize("dialling", DIALLING.values(), ids=DIALLING.keys())
@pytest.mark.parametrize(("caller", "expected"), [(CALLER, CALLER), ("client:bob", CALLED)])
def test_whoever_is_dialled_sees_a_number(
    twilio: Twilio, store_url: str, dialling: Dialling, caller: str, expected: str
) -> None:
    form = a_form(From=caller, Caller=caller, CallStatus="in-progress")
    assert dialling(twilio, store_url, form) == expected


@pytest.mark.parametrize("caller", NOBODY)
def test_a_caller_without_a_number_is_shown_as_the_number_that_was_called(caller: str) -> None:
    assert caller_id(caller, CALLED) == CALLED


def test_a_call_in_which_nobody_has_a_number_shows_none() -> None:
    assert caller_id("client:bob", "sip:line@example.sip.twilio.com") is None

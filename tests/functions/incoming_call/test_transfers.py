"""Transfers: the person dialled hears who is calling and presses 1, or the agent continues."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.etree.ElementTree import Element

import msgspec
import pytest

from ringdown import clock
from ringdown.agents.phrases import phrases_for
from ringdown.calls import Call, CallChanges, CallStatus, EndReason, NextAction, TwilioStatus
from ringdown.calls.stream_token import mint
from tests.functions.incoming_call.conftest import Environ
from tests.functions.incoming_call.records import (
    damage,
    handler_saved,
    store_locked,
    stored_call,
    stream_began,
    with_store,
)
from tests.functions.incoming_call.stand_ins import PUBLIC_URL, Twilio, a_form, twiml, verbs
from tests.functions.loading import LoadedFunction
from tests.ringdown.samples import CALL_SID, CALLED, CALLER, NOW, WITHHELD, a_call, an_agent

BILLING = "+14155550166"
IN_PROGRESS = a_form(CallStatus="in-progress")
THEIR_SID = "CA" + "f" * 32
THEIRS = a_form(
    CallSid=THEIR_SID,
    ParentCallSid=CALL_SID,
    Direction="outbound-dial",
    CallStatus="in-progress",
    From=CALLER,
    To=BILLING,
)
"""The form that Twilio posts about the person who was dialled."""
BACK_TO_THE_AGENT = ["Connect", "Redirect"]


def transferred(
    store_url: str,
    *,
    caller: str = CALLER,
    party: str = BILLING,
    reason: str | None = "an invoice is wrong",
    language: str = "en-US",
    accept: bool = True,
) -> None:
    """Record that the agent transferred the call to billing."""
    agent = msgspec.structs.replace(
        an_agent(transfer_numbers={"billing": party}, language=language), transfer_accept=accept
    )
    stream_began(store_url, msgspec.structs.replace(a_call(agent=agent), caller=caller))
    changes = CallChanges(
        next=NextAction.TRANSFER,
        transfer_to="billing",
        transfer_reason=reason,
        status=CallStatus.ENDED,
        end_reason=EndReason.TRANSFERRED,
    )
    handler_saved(store_url, changes)


def dialled(twilio: Twilio, caller: str = CALLER) -> Element:
    form = a_form(CallStatus="in-progress", From=caller, Caller=caller)
    [dial] = twiml(twilio.post("/after-stream?attempt=1", form))
    return dial


def whisper_path(twilio: Twilio, caller: str = CALLER) -> str:
    """The URL that Twilio requests once someone has answered."""
    [noun] = dialled(twilio, caller)
    return path_of(noun.attrib["url"])


def path_of(url: str) -> str:
    assert url.startswith(f"{PUBLIC_URL}/")
    return url.removeprefix(PUBLIC_URL)


def whispered(twilio: Twilio, path: str) -> Element:
    document = twiml(twilio.post(path, THEIRS))
    assert verbs(document) == ["Gather", "Hangup"], (
        "without <Hangup> at the end, Twilio would connect them"
    )
    return document[0]


def heard(gather: Element) -> str:
    [say] = gather
    return say.text or ""


def press(twilio: Twilio, path: str, digits: str = "1") -> list[str]:
    """Press keys, and return the verbs of the response. Without any, Twilio connects the two."""
    return verbs(twiml(twilio.post(path, THEIRS | {"Digits": digits})))


def accept_path(twilio: Twilio) -> str:
    return path_of(whispered(twilio, whisper_path(twilio)).attrib["action"])


def after_dial(twilio: Twilio, status: str = "completed", **form: str) -> list[str]:
    posted = IN_PROGRESS | {"DialCallStatus": status} | form
    return verbs(twiml(twilio.post("/after-dial", posted)))


def call_of(store_url: str) -> Call:
    call = stored_call(store_url)
    assert call is not None
    return call


# Dialling


def test_the_person_is_dialled_and_asked_before_anybody_is_connected(
    twilio: Twilio, store_url: str
) -> None:
    transferred(store_url)
    dial = dialled(twilio)
    assert dial.attrib == {
        "action": f"{PUBLIC_URL}/after-dial",
        "answerOnBridge": "true",
        "callerId": CALLER,
        "method": "POST",
        "timeout": "20",
    }
    [number] = dial
    assert (number.tag, number.text) == ("Number", BILLING)
    assert number.attrib["url"].startswith(f"{PUBLIC_URL}/whisper?")


@pytest.mark.parametrize(
    ("party", "tag", "text"),
    [
        ("sip:desk@example.com", "Sip", "sip:desk@example.com"),
        ("sips:desk@example.com:5061", "Sip", "sips:desk@example.com:5061"),
        ("client:alex", "Client", "alex"),
    ],
)
def test_a_person_need_not_be_on_the_telephone_network(
    twilio: Twilio, store_url: str, party: str, tag: str, text: str
) -> None:
    transferred(store_url, party=party)
    [noun] = dialled(twilio)
    assert (noun.tag, noun.text) == (tag, text)
    assert heard(whispered(twilio, path_of(noun.attrib["url"])))


def test_an_agent_need_not_ask(twilio: Twilio, store_url: str) -> None:
    transferred(store_url, accept=False)
    [number] = dialled(twilio)
    assert (number.text, number.attrib) == (BILLING, {})


# What the person hears


def test_the_person_hears_what_it_is_about_and_who_calls(twilio: Twilio, store_url: str) -> None:
    transferred(store_url, reason="an invoice is wrong")
    gather = whispered(twilio, whisper_path(twilio))
    phrases = phrases_for("en-US")
    assert heard(gather) == (
        f"{phrases.transfer_offer} an invoice is wrong. Their number ends in 0 1 2 3."
        f" {phrases.transfer_accept}"
    )
    assert (gather.get("numDigits"), gather.get("timeout")) == ("1", "8")


def test_the_person_hears_it_in_the_agents_language(twilio: Twilio, store_url: str) -> None:
    transferred(store_url, language="de-DE", reason="Die Rechnung stimmt nicht.")
    gather = whispered(twilio, whisper_path(twilio))
    assert gather[0].get("language") == "de-DE"
    assert "stimmt nicht. Die Rufnummer endet auf 0 1 2 3." in heard(gather)


@pytest.mark.parametrize(
    ("caller", "told"),
    [
        ("sip:alice@example.sip.twilio.com", "The call is from alice."),
        ("client:bob", "The call is from bob."),
        (f"sip:{CALLER}@example.sip.twilio.com", "Their number ends in 0 1 2 3."),
        (f"whatsapp:{CALLER}", "Their number ends in 0 1 2 3."),
        ("sip:anonymous@anonymous.invalid", None),
        ("12345", None),
        ("anonymous", None),
        ("unknown", None),
        *((number, None) for number in WITHHELD),
    ],
)
def test_who_calls_is_told_as_far_as_it_is_known(
    twilio: Twilio, store_url: str, caller: str, told: str | None
) -> None:
    transferred(store_url, caller=caller, reason=None)
    phrases = phrases_for("en-US")
    sentences = [phrases.transfer_offer, *([told] if told else []), phrases.transfer_accept]
    assert heard(whispered(twilio, whisper_path(twilio, caller))) == " ".join(sentences)


def test_a_reason_cannot_say_anything_to_twilio(twilio: Twilio, store_url: str) -> None:
    transferred(store_url, reason="</Say></Gather><Dial>+19005550199</Dial>\x00\x1b")
    gather = whispered(twilio, whisper_path(twilio))
    assert "</Say></Gather><Dial>+19005550199</Dial>" in heard(gather)


# Taking the call


def test_whoever_presses_1_is_connected(twilio: Twilio, store_url: str) -> None:
    transferred(store_url)
    path = accept_path(twilio)
    assert press(twilio, path) == []
    assert call_of(store_url).accepted_by == "billing"
    assert press(twilio, path) == [], "a repeated webhook must get the same response"
    assert after_dial(twilio, DialBridged="true", DialCallDuration="90") == ["Hangup"]
    assert after_dial(twilio, DialBridged="true", DialCallDuration="90") == ["Hangup"]
    call = call_of(store_url)
    assert (call.attempt, call.end_reason) == (1, EndReason.TRANSFERRED)


@pytest.mark.parametrize("digits", ["2", "0", "#", "11", ""])
def test_another_key_connects_nobody(twilio: Twilio, store_url: str, digits: str) -> None:
    transferred(store_url)
    assert press(twilio, accept_path(twilio), digits) == ["Hangup"]
    assert call_of(store_url).accepted_by is None


@pytest.mark.parametrize(
    "form", [{}, {"DialBridged": "false"}, {"DialBridged": "true"}], ids=["", "not", "bridged"]
)
def test_a_mailbox_that_has_taken_the_call_gives_the_caller_back(
    twilio: Twilio, store_url: str, form: dict[str, str], webhook: LoadedFunction
) -> None:
    transferred(store_url)
    whispered(twilio, whisper_path(twilio))
    assert after_dial(twilio, DialCallDuration="9", **form) == BACK_TO_THE_AGENT
    call = call_of(store_url)
    assert (call.attempt, call.failed_transfers) == (2, ("billing",))
    assert "transfer failed" in webhook.messages()


def test_whoever_took_the_call_and_was_not_connected_gives_the_caller_back(
    twilio: Twilio, store_url: str
) -> None:
    transferred(store_url)
    press(twilio, accept_path(twilio))
    assert after_dial(twilio, DialBridged="false") == BACK_TO_THE_AGENT
    call = call_of(store_url)
    assert (call.accepted_by, call.transfer_reason, call.failed_transfers) == (
        None,
        None,
        ("billing",),
    )


@pytest.mark.parametrize("status", ["busy", "no-answer", "failed", "canceled", ""])
def test_a_transfer_that_nobody_answered_goes_back_to_the_agent(
    twilio: Twilio, store_url: str, status: str
) -> None:
    transferred(store_url)
    assert after_dial(twilio, status) == BACK_TO_THE_AGENT, (
        "the notice must not be spoken a second time"
    )
    call = call_of(store_url)
    assert (call.attempt, call.failed_transfers) == (2, ("billing",))
    assert after_dial(twilio, status) == BACK_TO_THE_AGENT
    assert call_of(store_url) == call, "a repeated delivery must not open another attempt"


@pytest.mark.parametrize("status", ["completed", "answered"])
def test_where_nobody_is_asked_an_answer_ends_the_call(
    twilio: Twilio, store_url: str, status: str
) -> None:
    transferred(store_url, accept=False)
    assert after_dial(twilio, status) == ["Hangup"]


def test_where_nobody_is_asked_a_caller_who_was_not_connected_comes_back(
    twilio: Twilio, store_url: str
) -> None:
    transferred(store_url, accept=False)
    assert after_dial(twilio, DialBridged="false") == BACK_TO_THE_AGENT


def test_a_key_pressed_late_connects_nobody(
    twilio: Twilio, store_url: str, webhook: LoadedFunction
) -> None:
    transferred(store_url)
    path = accept_path(twilio)
    after_dial(twilio, DialBridged="false")
    assert press(twilio, path) == ["Hangup"]
    call = call_of(store_url)
    assert (call.attempt, call.accepted_by) == (2, None)
    assert "transfer accepted too late" in webhook.messages()


def test_whoever_answers_late_is_not_asked(twilio: Twilio, store_url: str) -> None:
    transferred(store_url)
    path = whisper_path(twilio)
    after_dial(twilio, "no-answer")
    assert verbs(twiml(twilio.post(path, THEIRS))) == ["Hangup"]


def test_a_caller_who_hung_up_is_not_said_to_have_been_taken(
    twilio: Twilio, store_url: str
) -> None:
    transferred(store_url)
    path = accept_path(twilio)
    status = TwilioStatus(status="completed", duration_s=20, final=True)
    with_store(store_url, lambda store: store.note_twilio_status(CALL_SID, status, NOW))
    assert press(twilio, path) == ["Hangup"]
    assert after_dial(twilio, "no-answer", CallStatus="completed") == ["Hangup"]
    assert call_of(store_url).attempt == 1


def test_after_a_dial_without_a_transfer_a_person_is_tried(
    twilio: Twilio, store_url: str, environ: Environ
) -> None:
    stream_began(store_url, a_call())
    document = twiml(twilio.post("/after-dial", IN_PROGRESS | {"DialCallStatus": "busy"}))
    assert verbs(document) == ["Say", "Dial", "Hangup"]
    assert document[1].text == environ["FALLBACK_NUMBER"]


# For this transfer only


def other_queries(environ: Environ, good: str) -> Iterator[str]:
    token = parse_qs(good)["token"][0]
    other_call = "CA" + "0" * 32
    stream_token = mint(
        (environ["STREAM_TOKEN_SECRET"],),
        call_sid=CALL_SID,
        attempt=1,
        now_s=clock.now().timestamp(),
    )
    for query in (
        {"call": CALL_SID},
        {"token": token},
        {"call": other_call, "token": token},
        {"call": CALL_SID, "token": re.sub(r"^v1\.1\.", "v1.2.", token)},
        {"call": CALL_SID, "token": stream_token},
        {"call": f"{CALL_SID}/transfer", "token": token},
    ):
        yield urlencode(query)


@pytest.mark.parametrize("route", ["/whisper", "/accept"])
def test_nobody_can_take_another_call(
    twilio: Twilio, store_url: str, environ: Environ, webhook: LoadedFunction, route: str
) -> None:
    transferred(store_url)
    good = urlsplit(whisper_path(twilio)).query
    for query in other_queries(environ, good):
        assert press(twilio, f"{route}?{query}") == ["Hangup"]
    assert "transfer refused" in webhook.messages()
    assert call_of(store_url).accepted_by is None


def test_what_twilio_did_not_sign_is_refused(twilio: Twilio, store_url: str) -> None:
    transferred(store_url)
    path = accept_path(twilio)
    form = THEIRS | {"Digits": "1"}
    assert twilio.post(path, form, auth_token="x" * 32).status_code == 403
    assert call_of(store_url).accepted_by is None


def test_the_log_is_the_callers_and_has_no_word_of_it(
    twilio: Twilio, store_url: str, webhook: LoadedFunction
) -> None:
    transferred(store_url, reason="an invoice is wrong")
    press(twilio, accept_path(twilio))
    [accepted] = [line for line in webhook.log() if line["message"] == "transfer accepted"]
    assert accepted["call_sid"] == CALL_SID
    assert not {"invoice", CALLER, CALLED, BILLING} & set(re.split(r"[\s\"']", str(webhook.log())))


# The store is away


def test_a_person_is_asked_even_if_nobody_knows_what_about(twilio: Twilio, store_url: str) -> None:
    transferred(store_url, language="de-DE")
    path = whisper_path(twilio)
    damage(store_url, f"calls/{CALL_SID}", "[]")
    english = phrases_for(None)
    assert heard(whispered(twilio, path)) == f"{english.transfer_offer} {english.transfer_accept}"


def test_two_who_wait_for_each_other_are_connected_without_a_store(
    twilio: Twilio, store_url: str, webhook: LoadedFunction
) -> None:
    transferred(store_url)
    path = accept_path(twilio)
    with store_locked(store_url):
        assert press(twilio, path, "2") == ["Hangup"]
        assert press(twilio, path) == []
    assert "acceptance could not be recorded" in webhook.messages()
    assert call_of(store_url).accepted_by is None
    assert after_dial(twilio, DialBridged="true") == ["Hangup"]
    assert call_of(store_url).accepted_by == "billing", (
        "must be recorded as soon as the store is back"
    )


def test_without_a_store_the_end_of_a_conversation_is_the_end_of_the_call(
    twilio: Twilio, store_url: str
) -> None:
    transferred(store_url)
    path = accept_path(twilio)
    with store_locked(store_url):
        press(twilio, path)
        assert after_dial(twilio, DialBridged="true") == ["Hangup"]


@pytest.mark.parametrize("form", [{"DialBridged": "false"}, {"DialCallStatus": "no-answer"}])
def test_without_a_store_a_caller_who_reached_nobody_is_sent_to_a_person(
    twilio: Twilio, store_url: str, form: dict[str, str]
) -> None:
    transferred(store_url)
    with store_locked(store_url):
        assert after_dial(twilio, **form) == ["Say", "Dial", "Hangup"]

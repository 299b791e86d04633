import concurrent.futures
import datetime
import time

import msgspec
import pytest

from ringdown.agents import Agent, Example, packaged_agent
from ringdown.agents.phrases import phrases_for
from ringdown.calls import RETENTION, CallChanges, CallStatus, NextAction
from ringdown.calls.stream_token import verify
from tests.functions.incoming_call.conftest import Environ, Load
from tests.functions.incoming_call.records import (
    damage,
    handler_saved,
    store_locked,
    stored_call,
    stream_began,
    write_agent,
)
from tests.functions.incoming_call.stand_ins import (
    DEADLINE_S,
    PUBLIC_URL,
    HandlerStandIn,
    Twilio,
    a_form,
    twiml,
    verbs,
)
from tests.functions.loading import LoadedFunction
from tests.ringdown.samples import CALL_SID, CALLED, CALLER, a_call, a_tool, an_agent

GERMAN_NOTICE = an_agent(notice="Dies ist <eine> KI & mehr.", language="de-DE")
SILENT = an_agent(notice="")


def test_a_call_is_answered_with_notice_stream_and_what_comes_next(
    twilio: Twilio, store_url: str, environ: Environ, handler: HandlerStandIn
) -> None:
    write_agent(store_url, GERMAN_NOTICE)
    document = twiml(twilio.post("/", a_form()))
    assert verbs(document) == ["Say", "Connect", "Redirect"]
    say, connect, redirect = document
    assert (say.text, say.attrib) == ("Dies ist <eine> KI & mehr.", {"language": "de-DE"})
    (stream,) = connect
    assert (stream.tag, stream.attrib) == (
        "Stream",
        {
            "url": f"ws://127.0.0.1:{handler.port}/media",
            "statusCallback": f"{PUBLIC_URL}/status",
            "statusCallbackMethod": "POST",
        },
    )
    (parameter,) = stream
    token = parameter.attrib["value"]
    secret = environ["STREAM_TOKEN_SECRET"]
    assert parameter.attrib["name"] == "token"
    assert verify((secret,), token, call_sid=CALL_SID, now_s=time.time()) == 1
    assert redirect.text == f"{PUBLIC_URL}/after-stream?attempt=1"
    assert redirect.attrib == {"method": "POST"}


def test_the_call_is_opened_with_its_agent_and_tools(twilio: Twilio, store_url: str) -> None:
    agent = an_agent(notice="Notice.", tools=("lookup_account",))
    write_agent(store_url, agent, tools=(a_tool(),))
    began = datetime.datetime.now(datetime.UTC)
    twilio.post("/", a_form())
    call = stored_call(store_url)
    assert call is not None
    assert (call.caller, call.called, call.agent_id) == (CALLER, CALLED, "default")
    assert (call.agent, call.agent_revision, call.tools) == (agent, agent.revision, (a_tool(),))
    assert (call.status, call.attempt) == (CallStatus.RINGING, 1)
    assert began <= call.created_at <= datetime.datetime.now(datetime.UTC)
    assert call.expires_at - call.created_at == RETENTION


def test_with_an_empty_store_the_packaged_agent_answers(twilio: Twilio, store_url: str) -> None:
    say = twiml(twilio.post("/", a_form())).find("Say")
    assert say is not None
    assert say.text == packaged_agent().notice
    call = stored_call(store_url)
    assert call is not None
    assert (call.agent_id, call.agent) == ("default", packaged_agent())


def test_a_notice_that_xml_cannot_hold_is_still_spoken(twilio: Twilio, store_url: str) -> None:
    write_agent(store_url, an_agent(notice="One\x0b two\nthree\u00a0four\ufffe."))
    say = twiml(twilio.post("/", a_form())).find("Say")
    assert say is not None
    assert say.text == "One two three four ."


@pytest.mark.parametrize(
    ("language", "notice", "words", "voice"),
    [
        ("sv-SE", None, "I'm an AI", "en-US"),
        ("zh-CN", None, "I'm an AI", "en-US"),
        ("de-AT", None, "Ich bin ein KI-Assistent", "de-DE"),
        ("es-MX", None, "Soy una IA", "es-MX"),
        ("sv-SE", "Du talar med en maskin.", "Du talar med", "sv-SE"),
    ],
)
def test_a_notice_has_words_and_voice_of_one_language(
    twilio: Twilio, store_url: str, language: str, notice: str | None, words: str, voice: str
) -> None:
    agent = Agent(instructions="Be brief.", greeting="Hej!", language=language, notice=notice)
    write_agent(store_url, agent)
    say = twiml(twilio.post("/", a_form())).find("Say")

    assert say is not None
    assert str(say.text).startswith(words)
    assert say.get("language") == voice


def test_an_agent_without_notice_says_nothing_first(twilio: Twilio, store_url: str) -> None:
    write_agent(store_url, an_agent(notice=" \n"))
    assert verbs(twiml(twilio.post("/", a_form()))) == ["Connect", "Redirect"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("anonymous", "anonymous"),
        ("+266696687", "+266696687"),
        ("sip:alex@example.com:5060;transport=tls", "sip:alex@example.com:5060;transport=tls"),
        ("Zoë", "Zoë"),
        ("x" * 256, "x" * 256),
        ("x" * 257, "unknown"),
        ("+1415\x00", "unknown"),
        ("\u202e+1415", "unknown"),
        ("", "unknown"),
        ("   ", "unknown"),
    ],
)
def test_callers_may_be_anything(twilio: Twilio, store_url: str, given: str, kept: str) -> None:
    twiml(twilio.post("/", a_form(From=given, To=given)))
    call = stored_call(store_url)
    assert call is not None
    assert (call.caller, call.called) == (kept, kept)


@pytest.mark.parametrize(
    ("said", "verified"),
    [
        ({"StirVerstat": "TN-Validation-Passed-A"}, True),
        ({"StirVerstat": "TN-Validation-Passed-B"}, False),
        ({"StirVerstat": "TN-Validation-Failed-A"}, False),
        ({"StirVerstat": ""}, False),
        ({}, False),
    ],
    ids=str,
)
def test_the_network_vouches_for_a_caller_by_attestation_a_alone(
    twilio: Twilio, store_url: str, said: dict[str, str], verified: bool
) -> None:
    twilio.post("/", a_form(**said))
    call = stored_call(store_url)
    assert call is not None
    assert call.caller_verified is verified


# Delivered again


def test_a_repeated_delivery_gets_an_equivalent_answer(
    twilio: Twilio, store_url: str, environ: Environ
) -> None:
    write_agent(store_url, an_agent(notice="First."))
    first = twiml(twilio.post("/", a_form()))
    write_agent(store_url, an_agent(notice="Edited."))
    second = twiml(twilio.post("/", a_form()))
    assert [say.text for say in (*first.iter("Say"), *second.iter("Say"))] == ["First.", "First."]
    attempts = [
        verify(
            (environ["STREAM_TOKEN_SECRET"],),
            parameter.attrib["value"],
            call_sid=CALL_SID,
            now_s=time.time(),
        )
        for document in (first, second)
        for parameter in document.iter("Parameter")
    ]
    assert attempts == [1, 1]


def test_a_call_that_is_over_is_hung_up(
    twilio: Twilio, store_url: str, webhook: LoadedFunction
) -> None:
    stream_began(store_url, a_call())
    handler_saved(store_url, CallChanges(status=CallStatus.ENDED, next=NextAction.HANG_UP))
    assert verbs(twiml(twilio.post("/", a_form()))) == ["Hangup"]
    assert "call is already over" in webhook.messages()


# Agents that are hard to keep in a call's record


@pytest.mark.parametrize("depth", [101, 5_000, 100_000])
def test_an_agent_that_is_nested_too_deep_loses_no_caller(
    twilio: Twilio, store_url: str, webhook: LoadedFunction, depth: int
) -> None:
    write_agent(store_url, an_agent())
    deep = "[" * depth + "]" * depth
    damage(store_url, "agents/default", f'{{"instructions": {deep}}}')

    assert "Connect" in verbs(twiml(twilio.post("/", a_form())))
    assert "agent could not be read" in webhook.messages()


def test_a_call_keeps_its_agent_without_examples(twilio: Twilio, store_url: str) -> None:
    """Calls don't need them, and with 64 tools they wouldn't fit into a document."""
    example = Example(caller="How much?", answer_contains=("three dollars",))
    written = msgspec.structs.replace(an_agent(), examples=(example,))
    write_agent(store_url, written)
    twilio.post("/", a_form())

    call = stored_call(store_url)
    assert call is not None
    assert (call.agent, call.agent_revision) == (an_agent(), written.revision)


# Waking the handler


def test_the_handler_is_woken_by_its_health_path(twilio: Twilio, handler: HandlerStandIn) -> None:
    twilio.post("/", a_form())
    assert handler.requested.wait(DEADLINE_S)
    assert set(handler.paths) == {"/ready"}


def test_a_notice_covers_the_wait_for_the_handler(
    twilio: Twilio, store_url: str, handler: HandlerStandIn
) -> None:
    write_agent(store_url, GERMAN_NOTICE)
    handler.ready.clear()
    twiml(twilio.post("/", a_form()))
    assert handler.requested.wait(DEADLINE_S), "the handler must have been woken by now"
    assert not handler.ready.is_set()


def test_without_notice_the_answer_is_held_until_the_handler_is_ready(
    twilio: Twilio, store_url: str, handler: HandlerStandIn
) -> None:
    write_agent(store_url, SILENT)
    handler.ready.clear()
    with concurrent.futures.ThreadPoolExecutor() as threads:
        answer = threads.submit(twilio.post, "/", a_form())
        assert handler.requested.wait(DEADLINE_S)
        assert not answer.done(), "answered before the handler was ready"
        handler.ready.set()
        assert verbs(twiml(answer.result(DEADLINE_S))) == ["Connect", "Redirect"]


def test_a_handler_that_is_not_ready_is_asked_again(
    twilio: Twilio, store_url: str, handler: HandlerStandIn
) -> None:
    write_agent(store_url, SILENT)
    handler.refusals = 2
    twiml(twilio.post("/", a_form()))
    assert set(handler.paths) == {"/ready"}
    assert len(handler.paths) >= 3, "two refused requests must be followed by a third"


@pytest.mark.real_time
@pytest.mark.parametrize("clock_speed", [1.0])
def test_a_call_is_answered_even_if_the_handler_is_never_ready(
    twilio: Twilio, store_url: str, handler: HandlerStandIn, webhook: LoadedFunction
) -> None:
    write_agent(store_url, SILENT)
    handler.ready.clear()
    assert verbs(twiml(twilio.post("/", a_form()))) == ["Connect", "Redirect"]
    assert "stream handler is not ready" in webhook.messages()


@pytest.mark.parametrize("clock_speed", [1.0])
def test_a_handler_that_is_away_does_not_delay_a_notice(
    environ: Environ, load: Load, store_url: str
) -> None:
    write_agent(store_url, GERMAN_NOTICE)
    with load(environ | {"STREAM_URL": "ws://127.0.0.1:9"}) as webhook:
        twilio = Twilio(webhook.client)
        assert verbs(twiml(twilio.post("/", a_form()))) == ["Say", "Connect", "Redirect"]
        assert "wake-up request not sent in time" in webhook.messages()


# The store fails


def test_a_locked_store_is_answered_without(
    twilio: Twilio, store_url: str, webhook: LoadedFunction
) -> None:
    write_agent(store_url, GERMAN_NOTICE)
    with store_locked(store_url):
        document = twiml(twilio.post("/", a_form()))
    assert verbs(document) == ["Say", "Connect", "Redirect"]
    assert "call could not be opened" in webhook.messages()


def test_a_store_that_cannot_be_opened_is_answered_without(environ: Environ, load: Load) -> None:
    with load(environ | {"STORE_URL": "sqlite:/dev/null/ringdown.db"}) as webhook:
        document = twiml(Twilio(webhook.client).post("/", a_form()))
        assert verbs(document) == ["Say", "Connect", "Redirect"]
        say = document.find("Say")
        assert say is not None
        assert say.text == packaged_agent().notice
        assert "agent could not be read" in webhook.messages()
        assert "call could not be opened" in webhook.messages()


def test_a_broken_agent_is_replaced_by_the_last_good_one(
    twilio: Twilio, store_url: str, webhook: LoadedFunction
) -> None:
    write_agent(store_url, GERMAN_NOTICE, tools=(a_tool(),))
    twilio.post("/", a_form())
    damage(store_url, "agents/default", '{"greeting": 7}')
    other_sid = CALL_SID[:-1] + "0"
    say = twiml(twilio.post("/", a_form(CallSid=other_sid))).find("Say")
    assert say is not None
    assert say.text == GERMAN_NOTICE.notice
    assert "agent cannot be used as it stands" in webhook.messages()
    call = stored_call(store_url, other_sid)
    assert call is not None
    assert call.agent_problem is not None
    assert "greeting" in call.agent_problem


def test_a_broken_agent_without_a_good_one_is_replaced_by_the_packaged_one(
    twilio: Twilio, store_url: str
) -> None:
    write_agent(store_url, GERMAN_NOTICE)
    damage(store_url, "agents/default", "[]")
    twilio.post("/", a_form())
    call = stored_call(store_url)
    assert call is not None
    assert call.agent == packaged_agent()


def test_a_damaged_call_record_is_answered_without(twilio: Twilio, store_url: str) -> None:
    write_agent(store_url, GERMAN_NOTICE)
    damage(store_url, f"calls/{CALL_SID}", "{}")
    assert verbs(twiml(twilio.post("/", a_form()))) == ["Say", "Connect", "Redirect"]


# What is logged


def test_the_log_names_the_call_and_nobody(
    twilio: Twilio, webhook: LoadedFunction, store_url: str
) -> None:
    write_agent(store_url, GERMAN_NOTICE)
    twilio.post("/", a_form())
    (answered,) = [line for line in webhook.log() if line["message"] == "call answered"]
    assert answered["call_sid"] == CALL_SID
    assert answered["agent_revision"] == GERMAN_NOTICE.revision
    everything = str(webhook.log())
    for secret in (CALLER, CALLED, "token", str(GERMAN_NOTICE.notice)):
        assert secret not in everything


@pytest.mark.parametrize(
    ("agents", "expected"),
    [("+14155550177", "+14155550177"), (None, "+14155550199"), (CALLED, None)],
)
def test_the_call_knows_where_a_person_is(
    twilio: Twilio, store_url: str, agents: str | None, expected: str | None
) -> None:
    """A person is at the agent's number, or else at the line's; a line never dials itself."""
    write_agent(store_url, an_agent(notice="Notice.", fallback_number=agents))
    twilio.post("/", a_form())
    call = stored_call(store_url)
    assert call is not None
    assert call.fallback_number == expected


def test_an_agent_without_a_notice_gives_the_usual_one_in_its_language(
    twilio: Twilio, store_url: str
) -> None:
    agent = msgspec.structs.replace(an_agent(language="it-IT"), notice=None)
    write_agent(store_url, agent)
    document = twiml(twilio.post("/", a_form()))
    assert document[0].text == phrases_for("it").notice

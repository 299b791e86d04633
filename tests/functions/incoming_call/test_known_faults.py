"""What the webhook still does wrong."""

from xml.etree import ElementTree

import msgspec
import pytest

from ringdown.agents import Agent, Example
from ringdown.agents.phrases import packaged_phrases
from ringdown.calls import CallChanges, CallStatus, NextAction
from tests.functions.incoming_call.conftest import Environ, Load
from tests.functions.incoming_call.records import (
    damage,
    handler_saved,
    stored_call,
    stream_began,
    write_agent,
)
from tests.functions.incoming_call.stand_ins import Twilio, a_form, twiml, verbs
from tests.functions.loading import LoadedFunction
from tests.ringdown.samples import CALLER, a_call, a_tool, an_agent

MEBIBYTE = 1 << 20
GENTLE_MARGIN = 100_000
"""What Firestore needs besides the document's own bytes, generously."""


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="In a language without phrases, the English notice is read out in its voice.",
)
@pytest.mark.parametrize("language", ["sv-SE", "zh-CN"])
def test_the_notice_has_words_and_voice_of_one_language(
    twilio: Twilio, store_url: str, language: str
) -> None:
    write_agent(store_url, Agent(instructions="Be brief.", greeting="Hej!", language=language))
    say = twiml(twilio.post("/", a_form())).find("Say")

    assert say is not None
    english = say.text == packaged_phrases()["en"].notice
    assert not english or str(say.get("language")).startswith("en")


# Transfers to a mailbox


def transferring(twilio: Twilio, store_url: str) -> ElementTree.Element:
    """The agent has announced billing; what Twilio is told to dial."""
    stream_began(store_url, a_call(agent=an_agent(transfer_numbers={"billing": "+14155550111"})))
    handler_saved(store_url, CallChanges(next=NextAction.TRANSFER, transfer_to="billing"))
    dial = twiml(twilio.post("/after-stream", a_form(CallStatus="in-progress"))).find("Dial")
    assert dial is not None
    return dial


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="A mailbox counts as a person who has answered."
)
def test_a_person_must_accept_a_transfer(twilio: Twilio, store_url: str) -> None:
    number = transferring(twilio, store_url).find("Number")

    assert number is not None
    assert number.get("url") or number.get("machineDetection")


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="Whether anybody was put through is not read."
)
def test_a_caller_who_was_not_put_through_is_not_hung_up_on(twilio: Twilio, store_url: str) -> None:
    transferring(twilio, store_url)
    form = a_form(CallStatus="in-progress", DialCallStatus="completed", DialBridged="false")

    assert verbs(twiml(twilio.post("/after-dial", form))) != ["Hangup"]


# The URL that Twilio signs


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="The host is compared as it happens to be written."
)
@pytest.mark.parametrize(
    ("public_url", "signed_url"),
    [
        ("https://PHONE.Example", "https://phone.example/"),
        ("https://phone.example", "https://PHONE.example/"),
        ("https://bücher.example", "https://xn--bcher-kva.example/"),
    ],
)
def test_a_host_is_the_same_however_it_is_written(
    environ: Environ, load: Load, public_url: str, signed_url: str
) -> None:
    with load(environ | {"PUBLIC_URL": public_url}) as webhook:
        answer = Twilio(webhook.client).post("/", a_form(), signed_url=signed_url)

        assert answer.status_code == 200


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="A proxy must take the URL's path away."
)
def test_a_proxy_may_leave_the_prefix_on(environ: Environ, load: Load) -> None:
    with load(environ | {"PUBLIC_URL": "https://tunnel.example/agent"}) as webhook:
        answer = Twilio(webhook.client).post(
            "/agent/status",
            a_form(CallStatus="completed"),
            signed_url="https://tunnel.example/agent/status",
        )

        assert answer.status_code == 204


# Documents


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="A document that can't be read is logged by its path, which is the caller's number.",
)
@pytest.mark.parametrize("path", ["/", "/status"])
def test_no_number_is_logged_for_a_broken_document(
    twilio: Twilio, store_url: str, webhook: LoadedFunction, path: str
) -> None:
    write_agent(store_url, msgspec.structs.replace(an_agent(), remember_callers=True))
    if path == "/status":
        twilio.post("/", a_form())
    damage(store_url, f"callers/{CALLER}", '{"blocked": 7, "memory": 7}')
    twilio.post(path, a_form(CallStatus="ringing" if path == "/" else "completed"))

    assert [line for line in webhook.log() if CALLER in str(line)] == []


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="An agent nested too deep loses the caller."
)
def test_a_deep_document_is_no_worse_than_a_broken_one(twilio: Twilio, store_url: str) -> None:
    write_agent(store_url, an_agent())
    deep = "[" * 100_000 + "]" * 100_000
    damage(store_url, "agents/default", f'{{"instructions": {deep}}}')

    answer = twiml(twilio.post("/", a_form()))
    assert answer.find("Connect/Stream") is not None, verbs(answer)


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="The agent's examples, which no call needs, are in every call document.",
)
def test_a_call_of_a_large_agent_fits_into_a_document(twilio: Twilio, store_url: str) -> None:
    long = "తెలుగు " * 71
    example = Example(caller=long, answer_contains=(long,) * 20)
    names = tuple(f"tool_{n}" for n in range(64))
    agent = msgspec.structs.replace(
        an_agent(tools=names), instructions="తె" * 10_000, examples=(example,) * 18
    )
    tools = [msgspec.structs.replace(a_tool(name), description="తెలుగు " * 380) for name in names]
    write_agent(store_url, agent, tools=tuple(tools))
    twilio.post("/", a_form())

    call = stored_call(store_url)
    assert call is not None
    assert len(msgspec.json.encode(call)) < MEBIBYTE - GENTLE_MARGIN

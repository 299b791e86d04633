"""What the webhook still does wrong."""

import msgspec
import pytest

from ringdown.agents import Example
from ringdown.calls import CallStatus
from tests.functions.incoming_call.conftest import Environ, Load
from tests.functions.incoming_call.records import (
    damage,
    stored_call,
    write_agent,
)
from tests.functions.incoming_call.stand_ins import Twilio, a_form, twiml, verbs
from tests.functions.loading import LoadedFunction
from tests.ringdown.samples import CALLER, a_tool, an_agent

MEBIBYTE = 1 << 20
GENTLE_MARGIN = 100_000
"""What Firestore needs besides the document's own bytes, generously."""


# Calls that end before they begin


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="A final status that comes first is forgotten."
)
def test_a_call_whose_end_comes_first_does_not_ring_for_ever(
    twilio: Twilio, store_url: str
) -> None:
    twilio.post("/status", a_form(CallStatus="canceled"))
    twilio.post("/", a_form())

    call = stored_call(store_url)
    assert call is None or call.status is CallStatus.ENDED


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="Calls that ended before they began fill the line."
)
def test_calls_whose_end_came_first_do_not_fill_the_line(twilio: Twilio) -> None:
    for n in range(50):
        form = {"CallSid": f"CA{n:032x}", "From": f"+1415555{2_000 + n}"}
        twilio.post("/status", a_form(**form, CallStatus="canceled"))
        twilio.post("/", a_form(**form))

    answer = twiml(twilio.post("/", a_form(CallSid=f"CA{999:032x}", From="+14155559999")))
    assert answer.find("Connect/Stream") is not None


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

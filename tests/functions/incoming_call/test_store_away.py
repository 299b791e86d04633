"""The store is away when a call is answered, so the call travels with its stream."""

import time
from xml.etree.ElementTree import Element

import msgspec

from ringdown.agents import packaged_agent
from ringdown.calls import Call
from ringdown.calls.stream_token import verify
from ringdown.calls.travelling_call import unpack
from tests.functions.incoming_call.conftest import Environ, Load
from tests.functions.incoming_call.records import (
    damage,
    store_locked,
    stored_call,
    write_agent,
)
from tests.functions.incoming_call.stand_ins import Twilio, a_form, twiml, verbs
from tests.functions.loading import LoadedFunction
from tests.ringdown.samples import CALL_SID, CALLED, CALLER, a_tool, an_agent

AWAY = {"STORE_URL": "sqlite:/dev/null/ringdown.db"}
OTHER_SID = CALL_SID[:-1] + "0"


def parameters(document: Element) -> dict[str, str]:
    return {p.attrib["name"]: p.attrib["value"] for p in document.iter("Parameter")}


def travelled(document: Element, environ: Environ, call_sid: str = CALL_SID) -> Call | None:
    return unpack((environ["STREAM_TOKEN_SECRET"],), parameters(document), call_sid=call_sid)


def test_a_call_that_the_store_has_does_not_travel(twilio: Twilio) -> None:
    assert set(parameters(twiml(twilio.post("/", a_form())))) == {"token"}


def test_a_call_that_the_store_did_not_take_travels_whole(environ: Environ, load: Load) -> None:
    with load(environ | AWAY) as webhook:
        document = twiml(Twilio(webhook.client).post("/", a_form()))
    call = travelled(document, environ)
    assert verbs(document) == ["Say", "Connect", "Redirect"]
    assert call is not None
    assert (call.caller, call.called) == (CALLER, CALLED)
    assert (call.agent_id, call.agent) == ("default", packaged_agent())
    assert call.fallback_number == environ["FALLBACK_NUMBER"]
    token = parameters(document)["token"]
    attempt = verify((environ["STREAM_TOKEN_SECRET"],), token, call_sid=CALL_SID, now_s=time.time())
    assert call.attempt == attempt == 1


def test_it_travels_with_the_last_known_agent_and_its_tools(
    twilio: Twilio, store_url: str, environ: Environ
) -> None:
    agent = an_agent(notice="Notice.", tools=("lookup_account",))
    write_agent(store_url, agent, tools=(a_tool(),))
    twilio.post("/", a_form())
    with store_locked(store_url):
        document = twiml(twilio.post("/", a_form(CallSid=OTHER_SID)))
    call = travelled(document, environ, OTHER_SID)
    assert call is not None
    assert (call.agent, call.tools) == (agent, (a_tool(),))
    assert stored_call(store_url) is not None


def test_a_call_whose_record_is_damaged_travels(
    twilio: Twilio, store_url: str, environ: Environ
) -> None:
    write_agent(store_url, an_agent(notice="Notice."))
    damage(store_url, f"calls/{CALL_SID}", "{}")
    assert travelled(twiml(twilio.post("/", a_form())), environ) is not None


def test_a_call_that_is_too_large_to_travel_is_answered_all_the_same(
    twilio: Twilio, store_url: str, webhook: LoadedFunction
) -> None:
    noise = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(20_000))
    agent = msgspec.structs.replace(an_agent(notice="Notice."), instructions=noise)
    write_agent(store_url, agent)
    twilio.post("/", a_form())
    with store_locked(store_url):
        document = twiml(twilio.post("/", a_form(CallSid=OTHER_SID)))
    assert set(parameters(document)) == {"token"}
    assert "call is too large to travel with its stream" in webhook.messages()


def test_what_travels_is_not_logged(environ: Environ, load: Load) -> None:
    with load(environ | AWAY) as webhook:
        document = twiml(Twilio(webhook.client).post("/", a_form()))
        everything = str(webhook.log())
    for value in (CALLER, CALLED, *parameters(document).values()):
        assert value not in everything

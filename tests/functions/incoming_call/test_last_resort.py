"""Whatever breaks, Twilio never gets a 5xx."""

import io
import json
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from ringdown import log
from tests.functions.incoming_call.conftest import Environ, Load
from tests.functions.incoming_call.stand_ins import Twilio, a_form, twiml, verbs
from tests.ringdown.samples import CALL_SID, CALLED
from voice_webhook.connections import Connections
from voice_webhook.webhook import Webhook
from voice_webhook.webhook_settings import read_settings


@pytest.fixture
def output(restored_logging: None) -> io.StringIO:
    stream = io.StringIO()
    log.configure(stream)
    return stream


async def nothing_connects() -> Connections:
    raise LookupError("an unforeseen error")


@pytest.fixture
def twilio(environ: Environ, output: io.StringIO) -> Iterator[Twilio]:
    webhook = Webhook(read_settings(environ), nothing_connects)

    async def serve(request: Request) -> Response:
        return await webhook.respond(request)

    routes = [Route("/{path:path}", serve, methods=["POST"])]
    with TestClient(Starlette(routes=routes)) as client:
        yield Twilio(client)


@pytest.mark.parametrize("route", ["/", "/after-stream"])
def test_the_caller_hears_an_apology_and_a_person(
    twilio: Twilio, environ: Environ, output: io.StringIO, route: str
) -> None:
    document = twiml(twilio.post(route, a_form(CallStatus="in-progress")))
    assert verbs(document) == ["Say", "Dial", "Hangup"]
    assert document[1].text == environ["FALLBACK_NUMBER"]
    line = json.loads(output.getvalue())
    assert (line["message"], line["call_sid"]) == ("request failed", CALL_SID)
    assert "an unforeseen error" in line["stack_trace"]


def test_a_caller_without_a_number_reaches_the_person_too(twilio: Twilio) -> None:
    _, dial, _ = twiml(twilio.post("/", a_form(From="client:bob", CallStatus="in-progress")))
    assert dial.get("callerId") == CALLED


def test_the_fallback_needs_nothing_but_the_settings(
    twilio: Twilio, environ: Environ, output: io.StringIO
) -> None:
    form = a_form(CallStatus="in-progress", ErrorCode="11205", ErrorUrl="https://phone.example")
    document = twiml(twilio.post("/fallback", form))
    assert verbs(document) == ["Say", "Dial", "Hangup"]
    assert document[1].text == environ["FALLBACK_NUMBER"]
    line = json.loads(output.getvalue())
    assert (line["message"], line["error_code"]) == ("Twilio asks for the fallback", "11205")


def test_the_fallback_of_a_call_that_is_over_does_nothing(twilio: Twilio) -> None:
    assert verbs(twiml(twilio.post("/fallback", a_form(CallStatus="completed")))) == []


def test_a_status_is_acknowledged(twilio: Twilio) -> None:
    assert twilio.post("/status", a_form()).status_code == 204


@pytest.mark.parametrize("clock_speed", [1.0])
def test_an_address_that_only_the_client_refuses_does_not_stop_calls(
    environ: Environ, load: Load
) -> None:
    with load(environ | {"STREAM_URL": "wss://stream\x7f.example"}) as webhook:
        twilio = Twilio(webhook.client)
        for last_digit in "01":
            form = a_form(CallSid=CALL_SID[:-1] + last_digit)
            assert "Connect" in verbs(twiml(twilio.post("/", form)))
        assert "wake-up failed" in webhook.messages()

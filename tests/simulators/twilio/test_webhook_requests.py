"""Requests for TwiML over real sockets: what they say, and what happens when they fail."""

import socket

import pytest
from twilio.request_validator import RequestValidator, get_signature_algorithm

from simulators.twilio import (
    AlertCode,
    Call,
    ConnectionSettings,
    EndReason,
    SharedKey,
    TwilioNetwork,
)
from simulators.twilio.events import WebhookAnswered, WebhookSent
from tests.simulators.twilio.peers import (
    FROM,
    TO,
    Reply,
    Request,
    WebhookServer,
    twiml,
    webhook_server,
)

TOKEN = "token"
QUICK = ConnectionSettings(connect_ms=500, read_ms=400, total_ms=1000)
HANGUP = twiml("<Hangup/>")


class ManyValues(dict[str, list[str]]):
    def getlist(self, name: str) -> list[str]:
        return self[name]


async def place(url: str, fallback_url: str | None = None) -> Call:
    network = TwilioNetwork(auth_token=TOKEN, connection=QUICK)
    async with network.place_call(
        to=TO, from_=FROM, voice_url=url, fallback_url=fallback_url
    ) as call:
        await call.ended(timeout_s=200)
    return call


def codes(call: Call) -> list[AlertCode]:
    return [alert.code for alert in call.alerts]


async def test_the_request_has_twilios_fields_headers_and_signature() -> None:
    network = TwilioNetwork(auth_token=TOKEN)
    extra = [("ForwardedFrom", "+15550177"), ("SipHeader", "b"), ("SipHeader", "a")]
    async with webhook_server() as server:
        url = server.on("/voice", HANGUP) + "?line=1"
        async with network.place_call(to=TO, from_=FROM, voice_url=url, extra_params=extra) as call:
            await call.ended()
        (request,) = server.requests
    names = {name for name, _ in request.params}
    assert names >= {
        *("AccountSid", "ApiVersion", "CallSid", "CallStatus", "CallToken", "Called", "Caller"),
        *("Direction", "From", "To", "StirVerstat", "ForwardedFrom"),
        *(role + part for role in ("From", "To", "Caller", "Called") for part in ("City", "Zip")),
        *(role + part for role in ("From", "To", "Caller", "Called") for part in ("State",)),
        *(role + part for role in ("From", "To", "Caller", "Called") for part in ("Country",)),
    }
    assert (request.param("To"), request.param("From")) == (TO, FROM)
    assert request.param("CallStatus") == "ringing"
    assert request.param("Direction") == "inbound"
    assert request.param("CallSid") == call.identity.call_sid
    assert request.headers["user-agent"] == "TwilioProxy/1.1"
    assert request.headers["i-twilio-idempotency-token"]
    form = ManyValues()
    for name, value in request.params:
        form.setdefault(name, []).append(value)
    assert form["SipHeader"] == ["b", "a"]
    signature = request.headers["x-twilio-signature"]
    assert RequestValidator(TOKEN).validate(url, form, signature)


async def test_a_shared_key_signs_requests_and_names_itself() -> None:
    network = TwilioNetwork(auth_token="unused", shared_key=SharedKey("key-1", "shared"))
    async with webhook_server() as server:
        url = server.on("/voice", HANGUP)
        async with network.place_call(to=TO, from_=FROM, voice_url=url) as call:
            await call.ended()
        (request,) = server.requests
    settings = request.headers["x-twilio-webhooks-signature-settings"]
    algorithm = get_signature_algorithm(settings)
    assert algorithm == "HMAC_SHA256"
    signature = request.headers["x-twilio-signature"]
    validator = RequestValidator("shared")
    assert validator.validate(url, dict(request.params), signature, algorithm)


async def test_get_puts_the_fields_into_the_signed_url() -> None:
    network = TwilioNetwork(auth_token=TOKEN)
    async with webhook_server() as server:
        url = server.on("/voice", HANGUP)
        async with network.place_call(to=TO, from_=FROM, voice_url=url, voice_method="GET") as call:
            await call.ended()
        (request,) = server.requests
        signed_url = server.base_url + request.target
    assert request.method == "GET"
    signature = request.headers["x-twilio-signature"]
    assert RequestValidator(TOKEN).validate(signed_url, {}, signature)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(b"oops", status=500), AlertCode.HTTP_RETRIEVAL_FAILURE),
        (Reply(b"<Response/>", content_type=None), AlertCode.HTTP_RETRIEVAL_FAILURE),
        (Reply(abort=True), AlertCode.HTTP_RETRIEVAL_FAILURE),
        (Reply(hang=True), AlertCode.HTTP_CONNECTION_FAILURE),
        (Reply(b"<Response>"), AlertCode.DOCUMENT_PARSE_FAILURE),
        (Reply(b"<Other/>"), AlertCode.ROOT_IS_NOT_RESPONSE),
        (Reply(b"{}", content_type="application/json"), AlertCode.INVALID_CONTENT_TYPE),
    ],
)
async def test_a_failure_has_its_code_and_goes_to_the_fallback(
    reply: Reply, code: AlertCode
) -> None:
    async with webhook_server() as server:
        url = server.on("/voice", reply)
        call = await place(url, server.on("/fallback", HANGUP))
        (request,) = server.seen("/fallback")
    assert codes(call) == [code]
    assert request.param("ErrorCode") == str(int(code))
    assert request.param("ErrorUrl") == url
    assert call.end_reason is EndReason.AGENT_HUNG_UP


async def test_without_a_fallback_the_caller_hears_an_apology() -> None:
    async with webhook_server() as server:
        call = await place(server.on("/voice", Reply(status=503)))
    assert call.end_reason is EndReason.APPLICATION_ERROR
    assert call.recording.agent.any(), "something must be said"


async def test_a_failed_connection_is_tried_again_with_the_same_idempotency_token() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        call = await place(f"http://127.0.0.1:{unused.getsockname()[1]}/voice")
    assert codes(call) == [AlertCode.HTTP_CONNECTION_FAILURE]
    attempts = [event.attempt for event in call.events if isinstance(event, WebhookSent)]
    assert attempts == [1, 2]


async def test_a_retry_policy_in_the_fragment_repeats_the_very_same_request() -> None:
    async with webhook_server() as server:
        url = server.on("/voice", Reply(status=500), HANGUP)
        call = await place(url + "#rc=2&rp=5xx")
        first, second = server.requests
    assert codes(call) == []
    assert first.params == second.params
    token = "i-twilio-idempotency-token"
    assert first.headers[token] == second.headers[token]
    answered = [event.status for event in call.events if isinstance(event, WebhookAnswered)]
    assert answered == [500, 200]
    signature = first.headers["x-twilio-signature"]
    assert RequestValidator(TOKEN).validate(url, dict(first.params), signature), (
        "the URL must be signed without its fragment"
    )


async def test_the_budget_counts_for_all_attempts_together() -> None:
    async with webhook_server() as server:
        url = server.on("/voice", Reply(hang=True))
        call = await place(url + "#rc=5&rp=all&rt=200&tt=300")
        attempts = len(server.requests)
    assert attempts == 2
    assert codes(call) == [AlertCode.HTTP_CONNECTION_FAILURE]
    assert [e.took_ms for e in call.events if isinstance(e, WebhookAnswered)] == [200, 300]


async def test_a_redirect_is_followed_with_the_same_call_in_progress() -> None:
    async with webhook_server() as server:
        url = server.on("/voice", twiml("<Redirect>/next</Redirect>"))
        server.on("/next", HANGUP)
        await place(url)
        (first,), (second,) = server.seen("/voice"), server.seen("/next")
    assert first.param("CallSid") == second.param("CallSid")
    assert (first.param("CallStatus"), second.param("CallStatus")) == ("ringing", "in-progress")


async def test_schema_warnings_are_logged_and_the_rest_runs() -> None:
    async with webhook_server() as server:
        call = await place(server.on("/voice", twiml("<Sing/>", "<Hangup/>")))
    assert codes(call) == [AlertCode.SCHEMA_WARNING]
    assert call.end_reason is EndReason.AGENT_HUNG_UP


async def report(server: WebhookServer, *verbs: str) -> list[Request]:
    network = TwilioNetwork(auth_token=TOKEN, connection=QUICK)
    every = ("initiated", "ringing", "answered", "completed")
    async with network.place_call(
        to=TO,
        from_=FROM,
        voice_url=server.on("/voice", twiml(*verbs)),
        status_url=server.on("/status", Reply(status=204, content_type=None)),
        status_events=every,
    ) as call:
        await call.ended()
    requests = server.seen("/status")
    assert [r.param("SequenceNumber") for r in requests] == [str(n) for n in range(len(requests))]
    assert {r.param("CallbackSource") for r in requests} == {"call-progress-events"}
    for request in requests:
        url = server.base_url + "/status"
        signature = request.headers["x-twilio-signature"]
        assert RequestValidator(TOKEN).validate(url, dict(request.params), signature)
    return requests


async def test_status_callbacks_tell_the_course_of_a_call() -> None:
    async with webhook_server() as server:
        requests = await report(server, '<Pause length="2"/>')
    statuses = [request.param("CallStatus") for request in requests]
    assert statuses == ["queued", "ringing", "in-progress", "completed"]
    durations = [request.param("CallDuration") for request in requests]
    assert durations[:3] == [None, None, None]
    assert int(durations[3] or 0) >= 2
    assert requests[3].param("Duration") == "1"


async def test_a_rejected_call_was_never_answered() -> None:
    async with webhook_server() as server:
        *_, last = await report(server, '<Reject reason="busy"/>')
        assert (last.param("CallStatus"), last.param("CallDuration")) == ("busy", "0")
    async with webhook_server() as server:
        *_, last = await report(server, "<Reject/>")
        assert last.param("CallStatus") == "no-answer"


async def test_by_default_only_the_end_is_reported_and_its_failure_is_a_warning() -> None:
    network = TwilioNetwork(auth_token=TOKEN)
    async with webhook_server() as server:
        async with network.place_call(
            to=TO,
            from_=FROM,
            voice_url=server.on("/voice", HANGUP),
            status_url=server.on("/status", Reply(status=500)),
        ) as call:
            await call.ended()
        (request,) = server.seen("/status")
    assert request.param("CallStatus") == "completed"
    assert codes(call) == [AlertCode.STATUS_CALLBACK_FAILED]

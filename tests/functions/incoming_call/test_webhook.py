"""Who is let in: routes, methods, limits and signatures."""

import asyncio
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from starlette.types import Message, Receive, Scope
from twilio.request_validator import HMAC_SHA256, RequestValidator

from tests.functions.incoming_call.conftest import Environ, Load
from tests.functions.incoming_call.records import stored_call
from tests.functions.incoming_call.stand_ins import (
    AUTH_TOKEN,
    PUBLIC_URL,
    HandlerStandIn,
    Twilio,
    a_form,
    twiml,
)
from tests.functions.loading import LoadedFunction
from tests.ringdown.samples import CALLER

ROUTES = ["/", "/after-stream", "/status", "/fallback"]
SHARED_KEY_SECRET = "the secret of a shared key"
SETTINGS_HEADER = "X-Twilio-Webhooks-Signature-Settings"


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_only_posts_are_taken(webhook: LoadedFunction, route: str, method: str) -> None:
    response = webhook.client.request(method, route)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert method == "HEAD" or "Twilio" in response.text


@pytest.mark.parametrize(
    "path", ["/nothing", "/status/x", "/Status", "/after_stream", "/%00", "/robots.txt"]
)
def test_nothing_else_is_there(twilio: Twilio, path: str) -> None:
    assert twilio.post(path, a_form()).status_code in (404, 405)
    assert twilio.client.get(path).status_code == 404


def test_a_nonsense_host_header_does_no_harm(twilio: Twilio) -> None:
    response = twilio.post("/", a_form(), headers={"Host": "[nonsense"})
    twiml(response)


# Signatures


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("signature", [None, "", "wrong", "ü", "A" * 28, "=" * 5000])
def test_without_a_good_signature_nothing_happens(
    twilio: Twilio,
    store_url: str,
    handler: HandlerStandIn,
    webhook: LoadedFunction,
    route: str,
    signature: str | None,
) -> None:
    headers = {} if signature is None else {b"X-Twilio-Signature": signature.encode("latin-1")}
    response = twilio.client.post(route, data=a_form(), headers=headers)
    assert response.status_code == 403
    assert stored_call(store_url) is None
    assert not handler.requested.is_set()
    assert ("signature refused" in webhook.messages()) is (signature is not None)
    assert CALLER not in str(webhook.log())


@pytest.mark.parametrize("route", ROUTES)
def test_a_signature_counts_for_its_url_only(twilio: Twilio, route: str) -> None:
    for url in (f"{PUBLIC_URL}/elsewhere", f"http://testserver{route}", "https://phone.example"):
        assert twilio.post(route, a_form(), signed_url=url).status_code == 403, url


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("ending", ["", "/"])
@pytest.mark.parametrize("base", [PUBLIC_URL, "https://phone.example:443/incoming"])
def test_a_trailing_slash_or_a_named_port_does_not_matter(
    twilio: Twilio, route: str, ending: str, base: str
) -> None:
    url = base + route.removesuffix("/") + ending
    assert twilio.post(route, a_form(), signed_url=url).status_code in (200, 204)


@pytest.mark.parametrize(
    ("public_url", "signed_url"),
    [
        ("https://PHONE.Example", "https://phone.example/"),
        ("https://phone.example", "https://PHONE.example/"),
        ("https://phone.example/agent", "https://Phone.example:443/agent"),
        ("https://bücher.example", "https://xn--bcher-kva.example/"),
        ("https://bücher.example", "https://bücher.example/"),
        ("https://xn--bcher-kva.example", "https://XN--bcher-kva.example"),
    ],
)
def test_a_host_is_the_same_however_it_is_written(
    environ: Environ, load: Load, public_url: str, signed_url: str
) -> None:
    with load(environ | {"PUBLIC_URL": public_url}) as webhook:
        assert Twilio(webhook.client).post("/", a_form(), signed_url=signed_url).status_code == 200


@pytest.mark.parametrize(
    ("signed_url", "host"),
    [
        ("https://evil.example/", "evil.example"),
        ("https://phone.example.evil.example/", "phone.example.evil.example"),
        ("https://phone.example@evil.example/", "phone.example@evil.example"),
        ("https://phone.example/evil/", "phone.example/evil"),
        ("https://phone.example:444/", "phone.example:444"),
    ],
)
def test_another_host_is_not_believed(
    environ: Environ, load: Load, signed_url: str, host: str
) -> None:
    with load(environ | {"PUBLIC_URL": "https://phone.example"}) as webhook:
        answer = Twilio(webhook.client).post(
            "/", a_form(), signed_url=signed_url, headers={"Host": host}
        )
        assert answer.status_code == 403


@pytest.mark.parametrize("prefix", ["", "/agent"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_proxy_may_take_the_urls_path_away_or_leave_it_on(
    environ: Environ, load: Load, route: str, prefix: str
) -> None:
    public_url = "https://tunnel.example/agent"
    with load(environ | {"PUBLIC_URL": public_url}) as webhook:
        signed_url = public_url + route.removesuffix("/")
        answer = Twilio(webhook.client).post(prefix + route, a_form(), signed_url=signed_url)
        assert answer.status_code in (200, 204)
        elsewhere = webhook.client.post("/other" + route, data=a_form())
        assert elsewhere.status_code == 404


def test_forwarded_headers_are_not_believed(twilio: Twilio) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    signed_url = "https://evil.example/"
    assert twilio.post("/", a_form(), signed_url=signed_url, headers=headers).status_code == 403
    twiml(twilio.post("/", a_form(), headers=headers))


@pytest.mark.parametrize("change", [{"From": "+14155550124"}, {"Extra": ""}, {"extra": "x"}])
def test_a_changed_form_is_refused(twilio: Twilio, change: dict[str, str]) -> None:
    signature = RequestValidator(AUTH_TOKEN).compute_signature(PUBLIC_URL, a_form())
    body = urlencode(a_form(**change)).encode()
    response = twilio.post_raw("/", body, headers={"X-Twilio-Signature": signature})
    assert response.status_code == 403


def test_empty_and_non_ascii_fields_are_part_of_the_signature(twilio: Twilio) -> None:
    twiml(twilio.post("/", a_form(CallerName="Zoë Ångström 你好", CallToken="", Empty="")))


def test_repeated_parameters_are_part_of_the_signature(twilio: Twilio) -> None:
    pairs = [*a_form().items(), ("MediaUrl", "b"), ("MediaUrl", "a"), ("MediaUrl", "b")]
    signed = RepeatedParameters(pairs)
    signature = RequestValidator(AUTH_TOKEN).compute_signature(PUBLIC_URL, signed)
    body = urlencode(pairs).encode()
    twiml(twilio.post_raw("/", body, headers={"X-Twilio-Signature": signature}))
    fewer = urlencode(pairs[:-2]).encode()
    refused = twilio.post_raw("/", fewer, headers={"X-Twilio-Signature": signature})
    assert refused.status_code == 403


def sha256_headers(secret: str, algorithm: str = HMAC_SHA256) -> dict[str, str]:
    signature = RequestValidator(secret).compute_signature(PUBLIC_URL, a_form(), HMAC_SHA256)
    return {
        "X-Twilio-Signature": signature,
        SETTINGS_HEADER: f"key=webhooks_sharedkey_1,algorithm={algorithm}",
    }


@pytest.mark.parametrize(
    ("configured", "headers", "status"),
    [
        (None, sha256_headers(AUTH_TOKEN), 200),
        (None, sha256_headers(SHARED_KEY_SECRET), 403),
        (SHARED_KEY_SECRET, sha256_headers(SHARED_KEY_SECRET), 200),
        (SHARED_KEY_SECRET, sha256_headers(AUTH_TOKEN), 403),
        (None, sha256_headers(AUTH_TOKEN, "HMAC_MD5"), 403),
        (None, sha256_headers(AUTH_TOKEN, ""), 403),
    ],
)
def test_shared_keys(
    environ: Environ,
    load: Load,
    configured: str | None,
    headers: dict[str, str],
    status: int,
) -> None:
    shared = {} if configured is None else {"TWILIO_SHARED_KEY_SECRET": configured}
    body = urlencode(a_form()).encode()
    with load(environ | shared) as webhook:
        twilio = Twilio(webhook.client)
        assert twilio.post_raw("/", body, headers=headers).status_code == status
        assert twilio.post("/", a_form()).status_code == 200, "the auth token must still work"


# Bodies


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "call_sid",
    [
        "",
        "CA",
        "CA" + "0" * 31,
        "CA" + "0" * 33,
        "CA" + "0" * 32 + "\n",
        "CA" + "g" * 32,
        "CA" + "٠" * 32,
        "ca" + "0" * 32,
        "CA/../agents/default" + "0" * 14,
    ],
)
def test_a_bad_call_sid_is_refused(
    twilio: Twilio, webhook: LoadedFunction, route: str, call_sid: str
) -> None:
    assert twilio.post(route, a_form(CallSid=call_sid)).status_code == 400
    assert webhook.messages() == ["request is malformed"]


@pytest.mark.parametrize("route", ROUTES)
def test_a_missing_call_sid_is_refused(twilio: Twilio, route: str) -> None:
    form = a_form()
    del form["CallSid"]
    assert twilio.post(route, form).status_code == 400


def test_an_empty_body_is_refused(twilio: Twilio) -> None:
    assert twilio.post("/", {}).status_code == 400


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"a=" + b"x" * 65_536, 413),
        (b"x" * 1_000_000, 413),
        (b"&".join(b"a%d=1" % n for n in range(201)), 400),
        (b"CallSid=\xff\xfe", 400),
        (b"%ff%fe=%00", 403),
        (b'{"CallSid": "CA0"}', 403),
        (b"&&&===&", 403),
    ],
)
def test_a_body_that_is_no_form_is_refused(twilio: Twilio, body: bytes, status: int) -> None:
    response = twilio.post_raw("/", body, headers={"X-Twilio-Signature": "x"})
    assert response.status_code == status


async def broken_off() -> Message:
    return {"type": "http.disconnect"}


async def stalled() -> Message:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def empty() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


@pytest.mark.parametrize(
    ("receive", "status", "clock_speed"), [(broken_off, 400, 1.0), (stalled, 408, 100.0)]
)
def test_a_body_that_does_not_arrive_is_given_up(
    webhook: LoadedFunction, receive: Receive, status: int
) -> None:
    assert raw_status(webhook, receive) == status


def test_a_query_that_is_no_text_is_refused(webhook: LoadedFunction) -> None:
    assert raw_status(webhook, empty, query=b"attempt=\xe3") == 400


def raw_status(webhook: LoadedFunction, receive: Receive, *, query: bytes = b"") -> int:
    """The response status for a request that no client would send."""
    sent: list[Message] = []
    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": query,
        "headers": [],
    }

    async def send(message: Message) -> None:
        sent.append(message)

    portal = webhook.client.portal
    assert portal is not None
    portal.call(webhook.client.app, scope, receive, send)
    status: int = sent[0]["status"]
    return status


class RepeatedParameters:
    """A form that keeps repeated parameters in the form that Twilio's validator expects."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._pairs)

    def getall(self, name: str) -> list[str]:
        return [value for other, value in self._pairs if other == name]

"""The webhook's surroundings in its tests: Twilio's signature, and a stream handler to wake."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

import httpx2
from starlette.testclient import TestClient
from twilio.request_validator import RequestValidator

from tests.http_server import Requests, serving
from tests.ringdown.samples import CALL_SID, CALLED, CALLER

PUBLIC_URL = "https://phone.example/incoming"
AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
DEADLINE_S = 10.0

Form = dict[str, str]


def a_form(**changes: str) -> Form:
    """The form that Twilio posts for a ringing call."""
    form = {
        "CallSid": CALL_SID,
        "AccountSid": "AC" + "0" * 32,
        "ApiVersion": "2010-04-01",
        "Direction": "inbound",
        "CallStatus": "ringing",
        "From": CALLER,
        "To": CALLED,
        "Caller": CALLER,
        "Called": CALLED,
        "FromCity": "",
    }
    return form | changes


@dataclass(frozen=True, slots=True)
class Twilio:
    """Posts to the webhook, signed for PUBLIC_URL as Twilio signs, with that host in its
    requests."""

    client: TestClient

    def post(
        self,
        path: str,
        form: Form,
        *,
        signed_url: str | None = None,
        auth_token: str = AUTH_TOKEN,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        url = signed_url or PUBLIC_URL + path.removesuffix("/")
        signature = RequestValidator(auth_token).compute_signature(url, form)
        return self.post_raw(
            path,
            urlencode(form).encode(),
            headers={"Host": _host(url), "X-Twilio-Signature": signature, **(headers or {})},
        )

    def post_raw(self, path: str, body: bytes, *, headers: dict[str, str]) -> httpx2.Response:
        content_type = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
        return self.client.post(path, content=body, headers=content_type | headers)


def _host(url: str) -> str:
    host = urlsplit(url).netloc
    return host if host.isascii() else host.encode("idna").decode()


def twiml(response: httpx2.Response) -> ElementTree.Element:
    """The TwiML document of a response that Twilio would accept."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/xml; charset=utf-8"
    document = ElementTree.fromstring(response.content)  # noqa: S314 - our own response
    assert document.tag == "Response"
    return document


def verbs(document: ElementTree.Element) -> list[str]:
    return [verb.tag for verb in document]


class HandlerStandIn:
    """Serves the stream handler's health path, ready or not."""

    def __init__(self) -> None:
        self.port = 0
        self.requested = threading.Event()
        self.ready = threading.Event()
        self.ready.set()
        self.refusals = 0
        """How many more requests get a 503."""
        self.paths: list[str] = []

    def respond(self, path: str) -> int:
        self.paths.append(path)
        self.requested.set()
        if self.refusals:
            self.refusals -= 1
            return 503
        self.ready.wait(DEADLINE_S)
        return 200


@contextlib.contextmanager
def a_handler() -> Iterator[HandlerStandIn]:
    stand_in = HandlerStandIn()

    class Asked(Requests):
        def do_GET(self) -> None:
            self.reply(stand_in.respond(self.path))

    with serving(Asked) as url:
        stand_in.port = int(url.rpartition(":")[2])
        try:
            yield stand_in
        finally:
            stand_in.ready.set()

"""Whatever is posted to the webhook is refused with a reason, or answered with TwiML."""

import asyncio
import contextlib
import logging
from urllib.parse import parse_qsl
from xml.etree import ElementTree

from starlette.requests import Request
from starlette.types import Message
from twilio.request_validator import RequestValidator

from ringdown import clock
from ringdown.errors import TokenRefused
from tests.functions.incoming_call.stand_ins import AUTH_TOKEN, PUBLIC_URL, a_form
from voice_webhook.connections import Connections
from voice_webhook.transfer_acceptance import transfer_of
from voice_webhook.twilio_request import (
    MalformedRequest,
    call_update,
    dial_update,
    ended_attempt,
    error_code,
    error_path,
    parse_form,
    pressed_key,
    status_update,
)
from voice_webhook.webhook import Webhook
from voice_webhook.webhook_settings import WebhookSettings

_ROUTES = (
    b"/",
    b"/after-stream",
    b"/after-dial",
    b"/status",
    b"/fallback",
    b"/x",
    b"/whisper",
    b"/accept",
)
_FORM = "&".join(f"{name}={value.replace('+', '%2B')}" for name, value in a_form().items()).encode()
SEEDS = (
    *(bytes([route, 1]) + b"attempt=1\0" + _FORM for route in range(len(_ROUTES))),
    b"\3\1\0" + _FORM + b"&StreamEvent=stream-error&StreamSid=MZ1&StreamError=x&CallDuration=7",
    b"\2\1\0" + _FORM + b"&DialCallStatus=no-answer&StirVerstat=TN-Validation-Passed-A",
    b"\7\1call=CA1&token=v1.1.1.x\0" + _FORM + b"&Digits=1&ParentCallSid=CA1",
    b"\0\0\0" + _FORM,
    b"\4\1\0" + _FORM + b"&ErrorCode=11200&ErrorUrl=https://a.b/clips/default/" + b"0" * 32,
)
WORDS = [
    "CallSid=",
    "CallStatus=",
    "From=",
    "To=",
    "StreamEvent=",
    "CallDuration=",
    "ErrorCode=",
    "DialCallStatus=",
    "attempt=",
    "%00",
    "%ED%A0%80",
    "completed",
]


class _NoStore(Exception):
    """There is no store: what counts is how the request is read and answered."""


class _Unexpected(logging.Handler):
    """Notices errors that the webhook's last resort has hidden."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, _NoStore):
            raise AssertionError(f"hidden from Twilio: {error!r}") from error


async def _connect() -> Connections:
    raise _NoStore


_settings = WebhookSettings(
    public_url=PUBLIC_URL,
    stream_url="wss://stream.example",
    store_url="sqlite:unused",
    stream_token_secrets=("s" * 32,),
    twilio_auth_tokens=(AUTH_TOKEN,),
    twilio_shared_key_secret=None,
    fallback_number=None,
    gemini=None,
    memory_model="unused",
    call_ended_topic=None,
)
_webhook = Webhook(_settings, _connect)
_validator = RequestValidator(AUTH_TOKEN)
_loop = asyncio.new_event_loop()
logging.getLogger("incoming_call.webhook").addHandler(_Unexpected())
logging.getLogger("incoming_call.webhook").propagate = False


def run(data: bytes) -> None:
    """An input is a route, whether it is signed, a query, a zero byte, and a body."""
    if len(data) < 2:
        return
    query, _, body = data[2:].partition(b"\0")
    _read(body, query)
    status, answer = _loop.run_until_complete(
        _respond(_ROUTES[data[0] % len(_ROUTES)], query, body, signed=bool(data[1] % 2))
    )
    assert status in (200, 204, 400, 403, 404, 405), status
    if status == 200:
        assert ElementTree.fromstring(answer).tag == "Response"  # noqa: S314 - our own


def _read(body: bytes, query: bytes) -> None:
    """Call each reader as the routes do."""
    try:
        form = parse_form(body)
        update = call_update(form)
    except MalformedRequest:
        return
    for text in (update.caller, update.called, update.status, dial_update(form).status):
        assert 0 < len(text) <= 256, text
        assert text.isprintable(), text
    status_update(form)
    error_code(form)
    error_path(form)
    pressed_key(form)
    asked = dict(parse_qsl(query.decode("latin-1")))
    ended_attempt(asked)
    with contextlib.suppress(TokenRefused):
        transfer_of(asked, _settings, clock.now())


async def _respond(route: bytes, query: bytes, body: bytes, *, signed: bool) -> tuple[int, bytes]:
    headers = []
    if signed:
        headers.append((b"x-twilio-signature", _signature(route, query, body)))
    scope = {
        "type": "http",
        "method": "POST",
        "path": route.decode(),
        "query_string": query,
        "headers": headers,
        "server": ("phone.example", 443),
        "scheme": "https",
    }
    sent: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return sent.pop()

    response = await _webhook.respond(Request(scope, receive))
    return response.status_code, bytes(response.body)


def _signature(route: bytes, query: bytes, body: bytes) -> bytes:
    """Twilio's signature of a form; a wrong one if the body isn't a form."""
    path = route.decode().removesuffix("/")
    asked = f"?{query.decode('latin-1')}" if query else ""
    try:
        form = parse_form(body)
    except MalformedRequest:
        return b"none"
    signature: str = _validator.compute_signature(f"{PUBLIC_URL}{path}{asked}", form)
    return signature.encode()

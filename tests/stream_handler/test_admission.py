"""Which streams are let in, over real sockets. No others may lead to a model session."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import trustme
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from ringdown.calls import Call, CallStatus, Claim, EndReason
from ringdown.errors import InvalidDocument, StoreUnavailable
from tests.ringdown.samples import a_call
from tests.stream_handler.handler import (
    CONNECTED,
    SIGNED_URL,
    Handler,
    call_sid,
    closed,
    media,
    running_handler,
    signature_headers,
    start,
    stop,
    token,
)
from tests.stream_handler.little_gemini import is_text, little_gemini
from tests.stream_handler.no_store import NoStore

BESIDE, NEW = 1, 2
Misdeed = Callable[[ClientConnection], Awaitable[None]]


@pytest.fixture
async def handler(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> AsyncIterator[Handler]:
    async with (
        little_gemini(certificates) as gemini,
        running_handler(gemini, trusting, tmp_path) as handler,
    ):
        yield handler


def sending(*messages: str | bytes | Callable[[], str]) -> Misdeed:
    """Send messages. Tokens expire, so a message with a valid one is given as a function."""

    async def misdeed(socket: ClientConnection) -> None:
        for message in messages:
            await socket.send(message() if callable(message) else message)

    return misdeed


def with_token(text: str) -> Misdeed:
    return sending(CONNECTED, start(NEW, customParameters={"token": text}))


UNKNOWN_EVENT = '{"event":"speech"}'
WIDEBAND = {"encoding": "audio/x-l16", "sampleRate": 16000, "channels": 1}
STEREO = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 2}

REFUSED = {
    "nothing is sent": (sending(), 1008, "no start within"),
    "no start": (sending(CONNECTED), 1008, "no start within"),
    "only unknown events": (sending(*[UNKNOWN_EVENT] * 600), 1008, "too many messages"),
    "endless media": (sending(*[media(NEW)] * 600), 1008, "too many messages"),
    "binary": (sending(b"\x00" * 160), 1007, "binary"),
    "binary JSON": (sending(CONNECTED.encode()), 1007, "binary"),
    "not JSON": (sending("hello"), 1007, "not JSON"),
    "cut-off JSON": (sending('{"event":"nope", and then'), 1007, ""),
    "nested JSON": (sending('{"x":' + "[" * 20_000), 1007, "not JSON"),
    "not an object": (sending("[]"), 1007, "malformed"),
    "no event": (sending("{}"), 1007, "malformed"),
    "a start without its fields": (sending('{"event":"start","start":{}}'), 1007, "malformed"),
    "too large": (sending("x" * 70_000), 1009, ""),
    "media and no start": (sending(CONNECTED, media(NEW)), 1008, "no start within"),
    "stop before start": (sending(CONNECTED, stop(NEW)), 1008, "stop came before start"),
    "media and stop before start": (
        sending(CONNECTED, media(NEW), stop(NEW), start(NEW)),
        1008,
        "stop came before start",
    ),
    "bad base64 before start": (
        sending('{"event":"media","streamSid":"MZ","media":{"payload":"***"}}'),
        1007,
        "malformed",
    ),
    "no call sid": (sending(start(NEW, callSid="CA1")), 1008, "no valid call or stream SID"),
    "a path for a call sid": (
        sending(start(NEW, callSid="../" + "0" * 31)),
        1008,
        "no valid call or stream SID",
    ),
    "no stream sid": (sending(start(NEW, streamSid='MZ"}')), 1008, "no valid call or stream SID"),
    "another encoding": (sending(start(NEW, mediaFormat=WIDEBAND)), 1003, "mu-law"),
    "two channels": (sending(start(NEW, mediaFormat=STEREO)), 1003, "mu-law"),
    "no parameters": (sending(start(NEW, customParameters={})), 1008, "token"),
    "no token": (with_token(""), 1008, "token"),
    "a malformed token": (with_token("v1.x.y.z"), 1008, "token"),
    "a token of another version": (with_token("v2" + token(NEW)[2:]), 1008, "token"),
    "a forged token": (with_token(token(NEW)[:-4] + "AAAA"), 1008, "token"),
    "a token for another attempt": (
        sending(lambda: start(NEW, customParameters={"token": token(NEW, attempt=2)})),
        1008,
        "unknown, over",
    ),
    "a token of another call": (with_token(token(BESIDE)), 1008, "token"),
    "an expired token": (with_token(token(NEW, age_s=91)), 1008, "expired"),
    "a huge number": (with_token("v1." + "9" * 5_000 + ".1.x"), 1008, "token"),
    "not ASCII": (with_token("v1.1.1.\u00e9\u20ac"), 1008, "token"),
    "an unknown call": (sending(lambda: start(99)), 1008, "unknown, over"),
    "another call": (sending(lambda: start(BESIDE)), 1008, "already held"),
}


@pytest.mark.parametrize(("misdeed", "code", "reason"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_refused_dials_no_model_and_disturbs_no_other_call(
    handler: Handler, misdeed: Misdeed, code: int, reason: str
) -> None:
    await handler.store.open_call(a_call(call_sid=call_sid(NEW)))
    async with handler.call(BESIDE) as beside:
        async with handler.socket() as socket:
            await misdeed(socket)
            given_code, given_reason = await closed(socket)
        assert given_code == code, given_reason
        assert reason in given_reason

        await beside.send(media(BESIDE))
        await handler.gemini.heard(lambda message: "audio" in message["realtime_input"])
        assert handler.gemini.attempts == 1, "a model was dialled for a refused stream"

    fresh = await handler.record(NEW)
    assert fresh.call.status is CallStatus.RINGING
    assert fresh.claims == ()


@pytest.mark.parametrize("early", [1, 100])
async def test_sound_that_overtakes_the_start_is_ignored(handler: Handler, early: int) -> None:
    await handler.store.open_call(a_call(call_sid=call_sid(NEW)))
    async with handler.socket() as socket:
        for message in (CONNECTED, *[media(NEW)] * early, start(NEW), stop(NEW)):
            await socket.send(message)
        assert await closed(socket) == (1000, "")
    record = await handler.record(NEW)
    assert record.call.end_reason is EndReason.CALLER_HUNG_UP


async def test_a_token_is_good_for_one_stream(handler: Handler) -> None:
    async with handler.call(NEW) as socket:
        await socket.send(stop(NEW))
        await closed(socket)
        async with handler.socket() as again:
            await again.send(start(NEW))
            code, reason = await closed(again)

    assert code == 1008
    assert "already held" in reason
    assert handler.gemini.attempts == 1


async def test_of_two_streams_with_one_token_exactly_one_is_carried(handler: Handler) -> None:
    await handler.store.open_call(a_call(call_sid=call_sid(NEW)))
    async with handler.socket() as first, handler.socket() as second:
        await asyncio.gather(first.send(start(NEW)), second.send(start(NEW)))
        losers = [asyncio.ensure_future(closed(socket)) for socket in (first, second)]
        done, carried = await asyncio.wait(losers, return_when=asyncio.FIRST_COMPLETED)
        await handler.gemini.heard(is_text)

        assert len(done) == len(carried) == 1
        assert handler.gemini.attempts == 1
        for waiting in carried:
            waiting.cancel()


async def test_a_caller_who_is_gone_before_start_is_no_trouble(handler: Handler) -> None:
    async with handler.socket() as socket:
        await socket.send(CONNECTED)
    async with handler.socket() as socket:
        socket.transport.abort()
    async with handler.call(NEW):
        assert handler.gemini.attempts == 1


async def test_unknown_events_before_start_are_let_pass(handler: Handler) -> None:
    await handler.store.open_call(a_call(call_sid=call_sid(NEW)))
    async with handler.socket() as socket:
        await sending(CONNECTED, UNKNOWN_EVENT, start(NEW))(socket)

        await handler.gemini.heard(is_text)


class BrokenStore(NoStore):
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def claim(self, call_sid: str, claim: Claim) -> Call | None:
        raise self._error


@pytest.mark.parametrize("error", [StoreUnavailable("away"), InvalidDocument("calls/CA: broken")])
async def test_a_call_that_cannot_be_claimed_is_closed_as_our_fault(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path, error: Exception
) -> None:
    async with (
        little_gemini(certificates) as gemini,
        running_handler(gemini, trusting, tmp_path, claims=BrokenStore(error)) as handler,
        handler.socket() as socket,
    ):
        await socket.send(start(NEW))

        code, _ = await closed(socket)

        assert code == 1011
        assert gemini.attempts == 0


# The upgrade


@pytest.mark.parametrize("algorithm", [None, "HMAC_SHA1", "HMAC_SHA256"])
@pytest.mark.parametrize("url", [SIGNED_URL, f"{SIGNED_URL}/"])
async def test_twilios_own_signatures_are_accepted(
    handler: Handler, algorithm: str | None, url: str
) -> None:
    async with handler.socket(headers=signature_headers(url, algorithm)) as socket:
        await socket.send(CONNECTED)


def other_algorithm() -> dict[str, str]:
    """Return a SHA-1 signature that claims to be SHA-256."""
    settings = {"X-Twilio-Webhooks-Signature-Settings": "key=k,algorithm=HMAC_SHA256"}
    return {**signature_headers(), **settings}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Twilio-Signature": ""},
        {"X-Twilio-Signature": "A" * 28},
        {"X-Twilio-Signature": "é"},
        signature_headers("https://stream.example.com/media"),
        signature_headers("wss://stream.example.com/media?a=b"),
        signature_headers("wss://evil.example.com/media"),
        signature_headers("wss://127.0.0.1/media"),
        other_algorithm(),
    ],
    ids=["none", "empty", "wrong", "not ASCII", "https", "query", "host", "local", "algorithm"],
)
async def test_an_upgrade_that_twilio_did_not_sign_is_refused(
    handler: Handler, headers: dict[str, str]
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with handler.socket(headers={**headers, "X-Forwarded-Host": "evil.example.com"}):
            pytest.fail("the upgrade was accepted")

    assert refused.value.response.status_code == 403
    assert handler.gemini.attempts == 0


@pytest.mark.parametrize("path", ["/", "/media/x", "/other", "/media?token=x", "/MEDIA"])
async def test_there_is_no_stream_on_another_path(handler: Handler, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with handler.socket(path=path):
            pytest.fail("the upgrade was accepted")

    assert refused.value.response.status_code == 404

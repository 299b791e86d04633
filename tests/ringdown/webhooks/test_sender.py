"""The sender against real receivers that are slow, down, redirecting or lying."""

import asyncio
import hashlib
import hmac
import ssl
from base64 import b64decode, b64encode

import msgspec
import pytest
import trustme

from ringdown.webhooks import Receiver
from ringdown.webhooks.sender import ANSWERS_WITHIN_S, Failure, Sender
from tests.jumping_loop import virtual_time
from tests.ringdown.samples import NOW
from tests.ringdown.webhooks.receivers import (
    FAILS,
    SECRET,
    TAKES,
    Respond,
    answers,
    drips,
    hangs_up,
    never_answers,
    receiving,
    speaks_no_http,
    talks_without_end,
)

BODY = b'{"type": "call.ended"}'


async def sent(receiver: Receiver, *, tls: ssl.SSLContext | None = None) -> Failure | None:
    sender = Sender(tls=tls)
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_S + 5):
            return await sender.send(receiver, "call_ended_CA1", BODY, NOW)
    finally:
        await sender.close()


async def test_a_message_is_posted_as_the_specification_has_it() -> None:
    async with receiving() as hook:
        assert await sent(hook.receiver) is None
    [message] = hook.received
    assert message.body == BODY
    assert message.headers["content-type"] == "application/json"
    assert message.headers["webhook-id"] == "call_ended_CA1"
    assert message.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    key = b64decode(SECRET.removeprefix("whsec_"))
    signed = f"call_ended_CA1.{int(NOW.timestamp())}.".encode() + BODY
    expected = b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert message.headers["webhook-signature"] == f"v1,{expected}"


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted", "204 No Content"])
async def test_any_success_counts_whatever_it_says(status: str) -> None:
    async with receiving(answers(status, body=b"<html>{]")) as hook:
        assert await sent(hook.receiver) is None


@pytest.mark.parametrize(
    ("respond", "problem"),
    [
        (FAILS, "It answered with HTTP 500."),
        (answers("404 Not Found"), "It answered with HTTP 404."),
        (hangs_up, "It couldn't be reached (RemoteProtocolError)."),
        (speaks_no_http, "It couldn't be reached (RemoteProtocolError)."),
    ],
)
async def test_a_receiver_that_fails_is_told_of(respond: Respond, problem: str) -> None:
    async with receiving(respond) as hook:
        assert await sent(hook.receiver) == Failure(problem)


async def test_a_receiver_that_is_gone_is_not_to_be_tried_again() -> None:
    async with receiving(answers("410 Gone")) as hook:
        assert await sent(hook.receiver) == Failure(
            "It doesn't want further messages (HTTP 410).", final=True
        )


async def test_a_receiver_that_is_down() -> None:
    async with receiving() as hook:
        receiver = hook.receiver
    assert await sent(receiver) == Failure("It couldn't be reached (ConnectError).")


@pytest.mark.parametrize("respond", [never_answers, drips])
@virtual_time
async def test_a_receiver_that_is_slow_is_given_up(respond: Respond) -> None:
    async with receiving(respond) as hook:
        assert await sent(hook.receiver) == Failure("It didn't answer within 15 s.")


async def test_no_more_than_the_status_is_read() -> None:
    async with receiving(talks_without_end) as hook:
        assert await sent(hook.receiver) is None


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
async def test_a_redirect_is_not_followed(status: str) -> None:
    async with (
        receiving() as elsewhere,
        receiving(answers(status, f"location: {elsewhere.url}")) as hook,
    ):
        failure = await sent(hook.receiver)
    assert failure is not None
    assert failure.problem.startswith("It redirects (HTTP 30")
    assert elsewhere.received == []


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/computeMetadata/v1/",
        "http://metadata.google.internal/",
        "https://[fd00:ec2::254]/",
        "http://hooks.example/",
        "https://user:secret@hooks.example/",
        "ftp://hooks.example/",
    ],
)
async def test_a_url_where_nothing_may_be_posted_gets_nothing(url: str) -> None:
    failure = await sent(Receiver(url=url, secret=SECRET))
    assert failure is not None
    assert failure.problem.startswith("Its URL ")


async def test_a_receiver_that_cannot_prove_who_it_is_gets_nothing() -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    async with receiving(TAKES, tls=tls) as hook:
        assert await sent(hook.receiver) == Failure("It couldn't be reached (ConnectError).")
        assert hook.received == []
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        assert await sent(hook.receiver, tls=trusting) is None


async def test_a_secret_that_is_none_is_told_of() -> None:
    async with receiving() as hook:
        failure = await sent(msgspec.structs.replace(hook.receiver, secret="secret"))
    assert failure == Failure("Its secret must be whsec_ followed by 24 to 64 bytes in base64.")
    assert hook.received == []

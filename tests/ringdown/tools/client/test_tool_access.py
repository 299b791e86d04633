"""The tool client's ID tokens, and how it handles refusals, retries, limits and warming."""

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator

import msgspec
import pytest
import trustme

from ringdown.errors import NoCredentials
from ringdown.tools import ToolAnswer, ToolDeclaration
from ringdown.tools.client import MOST_AT_ONCE, ToolClient
from ringdown.tools.identity_tokens import IdentityToken, IdentityTokens
from tests.stream_handler.tool_server import (
    GOOD,
    GOOD_BODY,
    REQUEST,
    Reply,
    ToolServer,
    response,
    tool_server,
)

BUSY = response(b"no instance", status="503 Service Unavailable", kind="text/plain")


class Issuer:
    """Issues numbered tokens, and remembers their audiences. Refuses while it is `away`."""

    def __init__(self) -> None:
        self.audiences: list[str] = []
        self.away = False

    def __call__(self, audience: str) -> IdentityToken:
        if self.away:
            raise NoCredentials("no metadata server here")
        self.audiences.append(audience)
        return IdentityToken(f"token-{len(self.audiences)}", time.time() + 3_600)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def client(issuer: Issuer, trusting: ssl.SSLContext) -> AsyncIterator[ToolClient]:
    client = ToolClient(IdentityTokens(issuer), tls=trusting)
    yield client
    await client.close()


@pytest.fixture
def tls(certificates: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificates.issue_cert("127.0.0.1").configure_cert(context)
    return context


def declared(url: str, *, timeout_s: float = 5.0) -> ToolDeclaration:
    return ToolDeclaration(
        name="lookup_account", description="Looks up.", url=url, timeout_s=timeout_s
    )


async def call(client: ToolClient, url: str, *, timeout_s: float = 5.0) -> ToolAnswer:
    async with asyncio.timeout(10):
        return (await client.call(declared(url, timeout_s=timeout_s), REQUEST)).answer


def bearers(tool: ToolServer) -> list[str]:
    lines = (line for head, _ in tool.requests for line in head.split("\r\n"))
    return [line.partition(": ")[2] for line in lines if line.lower().startswith("authorization:")]


class Ears(logging.Handler):
    """Waits for a message in the log."""

    def __init__(self, message: str) -> None:
        super().__init__()
        self._message = message
        self.said = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == self._message:
            self.said.set()


def in_turn(*replies: Reply) -> Reply:
    """Reply to each request with the next of `replies`, and repeat the last."""
    waiting = list(replies)

    async def reply(writer: asyncio.StreamWriter) -> None:
        await (waiting.pop(0) if len(waiting) > 1 else waiting[0])(writer)

    return reply


# Tokens


async def test_a_function_is_shown_a_token_for_its_own_url(
    client: ToolClient, issuer: Issuer, tls: ssl.SSLContext
) -> None:
    async with tool_server(response(GOOD_BODY), tls) as tool:
        answers = [await call(client, tool.url), await call(client, tool.url)]

    assert answers == [GOOD, GOOD]
    assert bearers(tool) == ["Bearer token-1"] * 2
    assert issuer.audiences == [tool.url.removesuffix("/lookup")]


async def test_a_tool_on_this_machine_is_shown_none(client: ToolClient, issuer: Issuer) -> None:
    async with tool_server(response(GOOD_BODY)) as tool:
        assert await call(client, tool.url) == GOOD

    assert bearers(tool) == []
    assert issuer.audiences == []


async def test_without_a_token_nothing_is_sent_and_operators_are_told_why(
    client: ToolClient,
    issuer: Issuer,
    tls: ssl.SSLContext,
    caplog: pytest.LogCaptureFixture,
) -> None:
    issuer.away = True
    async with tool_server(response(GOOD_BODY), tls) as tool:
        answer = await call(client, tool.url)

    assert tool.requests == []
    assert answer == ToolAnswer.failed("The tool could not be reached.")
    assert logged(caplog) == {
        "no ID token for a tool": {"tool": "lookup_account", "reason": "no metadata server here"}
    }


async def test_an_expired_token_is_replaced_and_the_call_goes_through(
    client: ToolClient, issuer: Issuer, tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    expired = response(b"<html>401</html>", status="401 Unauthorized", kind="text/html")
    async with tool_server(in_turn(expired, response(GOOD_BODY)), tls) as tool:
        answer = await call(client, tool.url)

    assert answer == GOOD
    assert bearers(tool) == ["Bearer token-1", "Bearer token-2"]
    assert logged(caplog) == {}


@pytest.mark.parametrize(
    ("status", "deliveries", "remedy"),
    [
        ("401 Unauthorized", 2, "audience"),
        ("403 Forbidden", 1, "roles/run.invoker"),
        ("301 Moved Permanently", 1, "declare the URL that it redirects to"),
    ],
)
async def test_a_refusal_tells_operators_what_to_do(
    client: ToolClient,
    tls: ssl.SSLContext,
    caplog: pytest.LogCaptureFixture,
    status: str,
    deliveries: int,
    remedy: str,
) -> None:
    reply = response(b"<html>no</html>", status=status, more="Location: https://x.example/\r\n")
    async with tool_server(reply, tls) as tool:
        answer = await call(client, tool.url)

    assert answer == ToolAnswer.failed("The tool failed.")
    assert len(tool.requests) == deliveries
    [fields] = logged(caplog).values()
    assert remedy in str(fields["remedy"])


async def test_a_server_that_cannot_prove_who_it_is_gets_nothing(
    issuer: Issuer, tls: ssl.SSLContext
) -> None:
    client = ToolClient(IdentityTokens(issuer))
    async with tool_server(response(GOOD_BODY), tls) as tool:
        answer = await call(client, tool.url)
    await client.close()

    assert answer.error is not None
    assert tool.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/computeMetadata/v1/",
        "http://metadata.google.internal/",
        "http://tools.example/",
        "https://user:secret@tools.example/",
    ],
)
async def test_a_url_where_no_tool_may_be_is_never_called(
    client: ToolClient, issuer: Issuer, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    answer = await call(client, url)
    await client.warm([declared(url)])

    assert answer == ToolAnswer.failed("The tool could not be reached.")
    assert issuer.audiences == []
    [(message, fields)] = logged(caplog).items()
    assert message == "tool not called"
    assert "its URL" in str(fields["reason"])
    assert "secret" not in caplog.text


# Sending a request again


@pytest.mark.parametrize("status", ["429 Too Many Requests", "502 Bad Gateway", "503 Busy"])
async def test_where_no_instance_is_ready_the_same_request_is_sent_once_more(
    client: ToolClient, status: str
) -> None:
    async with tool_server(in_turn(response(b"", status=status), response(GOOD_BODY))) as tool:
        assert await call(client, tool.url) == GOOD

    first, second = (msgspec.json.decode(body) for _, body in tool.requests)
    assert first == second, "the second request differs from the first"


async def test_it_is_sent_no_third_time(client: ToolClient) -> None:
    async with tool_server(BUSY) as tool:
        answer = await call(client, tool.url)

    assert answer == ToolAnswer.failed("The tool failed.", retryable=True)
    assert len(tool.requests) == 2


async def test_a_tool_that_hangs_up_without_an_answer_is_asked_once_more(
    client: ToolClient,
) -> None:
    async def hang_up(writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with tool_server(in_turn(hang_up, response(GOOD_BODY))) as tool:
        assert await call(client, tool.url) == GOOD

    assert len(tool.requests) == 2


async def test_a_tool_that_has_just_been_started_again_is_found(
    client: ToolClient,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    nobody_there = Ears("tool could not be reached")
    logging.getLogger("ringdown.tools.client").addHandler(nobody_there)
    calling = asyncio.ensure_future(call(client, f"http://127.0.0.1:{port}/lookup"))
    tool = ToolServer(response(GOOD_BODY))
    async with asyncio.timeout(5):
        await nobody_there.said.wait()
    server = await asyncio.start_server(tool.serve_one, "127.0.0.1", port)
    try:
        assert await calling == GOOD
    finally:
        server.close()
        logging.getLogger("ringdown.tools.client").removeHandler(nobody_there)


@pytest.mark.parametrize("reply", [response(b"", status="500 Internal Server Error")])
async def test_a_tool_that_failed_is_not_asked_again(client: ToolClient, reply: Reply) -> None:
    async with tool_server(reply) as tool:
        await call(client, tool.url)

    assert len(tool.requests) == 1


async def test_both_deliveries_have_one_deadline(client: ToolClient) -> None:
    async def silent(writer: asyncio.StreamWriter) -> None:
        await writer.drain()

    loop = asyncio.get_running_loop()
    async with tool_server(in_turn(BUSY, silent)) as tool:
        began_s = loop.time()
        answer = await call(client, tool.url, timeout_s=0.5)
        took_s = loop.time() - began_s

    assert answer.error is not None
    assert answer.error.message.startswith("The tool took too long to answer")
    assert answer.error.retryable
    assert 0.5 <= took_s < 1.5
    assert len(tool.requests) == 2


# Limits


async def test_an_answer_without_content_says_that_it_has_none(client: ToolClient) -> None:
    """A model that gets an empty result calls the tool again and again."""
    async with tool_server(response(b'{"output":{}}')) as tool:
        answer = await call(client, tool.url)

    assert answer.output is not None
    assert "nothing" in answer.output["status"]


async def test_arguments_that_are_too_long_are_not_sent(client: ToolClient) -> None:
    huge = msgspec.structs.replace(REQUEST, args={"text": "x" * 40_000})
    async with tool_server(response(GOOD_BODY)) as tool:
        answer = (await client.call(declared(tool.url), huge)).answer

    assert answer.error is not None
    assert "too long" in answer.error.message
    assert tool.requests == []


async def test_a_process_asks_only_so_much_at_once(client: ToolClient) -> None:
    release = asyncio.Event()

    async def slow(writer: asyncio.StreamWriter) -> None:
        await release.wait()
        await response(GOOD_BODY)(writer)

    async with tool_server(slow) as tool:
        asking = [asyncio.ensure_future(call(client, tool.url)) for _ in range(MOST_AT_ONCE)]
        await asyncio.sleep(0)
        one_too_many = await call(client, tool.url)
        release.set()
        answers = await asyncio.gather(*asking)

    assert one_too_many.error is not None
    assert one_too_many.error.retryable
    assert answers == [GOOD] * MOST_AT_ONCE


# Warming


async def test_warming_starts_the_function_and_fetches_its_token(
    client: ToolClient, issuer: Issuer, tls: ssl.SSLContext
) -> None:
    async with tool_server(response(b"", status="405 Method Not Allowed"), tls) as tool:
        await client.warm([declared(tool.url)])
        await client.warm([declared(tool.url)])

    [(head, body)] = tool.requests
    assert head.startswith("GET /lookup")
    assert body == b""
    assert bearers(tool) == ["Bearer token-1"]


async def test_a_function_that_has_just_been_used_is_not_warmed(
    client: ToolClient, tls: ssl.SSLContext
) -> None:
    async with tool_server(response(GOOD_BODY), tls) as tool:
        await call(client, tool.url)
        await client.warm([declared(tool.url)])

    assert [head.split()[0] for head, _ in tool.requests] == ["POST"]


async def test_warming_finds_a_missing_permission_before_the_first_call_needs_it(
    client: ToolClient, tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    async with tool_server(response(b"", status="403 Forbidden"), tls) as tool:
        await client.warm([declared(tool.url)])

    [fields] = logged(caplog).values()
    assert "roles/run.invoker" in str(fields["remedy"])


async def test_a_tool_that_cannot_be_warmed_harms_nobody(
    client: ToolClient, issuer: Issuer, tls: ssl.SSLContext
) -> None:
    issuer.away = True
    async with tool_server(response(b""), tls) as tool:
        await client.warm([declared("https://127.0.0.1:1/refused"), declared(tool.url)])

    assert tool.requests == []


def logged(caplog: pytest.LogCaptureFixture) -> dict[str, dict[str, object]]:
    """The errors in the log: each message with its fields."""
    errors = (record for record in caplog.records if record.levelno >= logging.ERROR)
    return {record.getMessage(): vars(record)["ringdown_fields"] for record in errors}

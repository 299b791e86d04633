"""The tool client against misbehaving real HTTP servers."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import msgspec
import pytest

from ringdown.tools import ToolAnswer, ToolDeclaration, ToolRequest
from ringdown.tools.client import Called, ToolClient
from tests.jumping_loop import in_virtual_time
from tests.ringdown.samples import CALLER
from tests.stream_handler.tool_server import (
    GOOD,
    GOOD_BODY,
    REQUEST,
    Reply,
    response,
    tool_server,
)


@pytest.fixture
async def client() -> AsyncIterator[ToolClient]:
    client = ToolClient()
    yield client
    await client.close()


async def called(client: ToolClient, url: str, *, timeout_s: float = 5.0) -> Called:
    tool = ToolDeclaration(
        name="lookup_account", description="Looks up.", url=url, timeout_s=timeout_s
    )
    async with asyncio.timeout(10):
        return await client.call(tool, REQUEST)


async def call(client: ToolClient, url: str, *, timeout_s: float = 5.0) -> ToolAnswer:
    return (await called(client, url, timeout_s=timeout_s)).answer


def failure(answer: ToolAnswer) -> str:
    assert answer.error is not None, f"{answer} should be a failure"
    return answer.error.message


async def test_a_tool_is_posted_the_whole_request(client: ToolClient) -> None:
    async with tool_server(response(GOOD_BODY)) as tool:
        answer = await call(client, tool.url)

    [(head, body)] = tool.requests
    assert answer == GOOD
    assert head.startswith("POST /lookup HTTP/1.1\r\n")
    assert "content-type: application/json" in head.lower()
    assert msgspec.json.decode(body, type=ToolRequest) == REQUEST


async def test_an_error_of_the_tools_own_reaches_the_model_word_for_word(
    client: ToolClient,
) -> None:
    body = b'{"error":{"message":"That account is closed.","retryable":false}}'
    async with tool_server(response(body, status="409 Conflict")) as tool:
        answer = await call(client, tool.url)

    assert failure(answer) == "That account is closed."


@pytest.mark.parametrize(
    "reply",
    [
        response(b""),
        response(b"<html><body>It works!</body></html>", kind="text/html"),
        response(b'{"output":'),
        response(b"[]"),
        response(b"{}"),
        response(b'{"output":{},"error":{"message":"both"}}'),
        response(b'{"output":"a string"}'),
        response(b'{"error":"a string"}'),
        response(b"\xff\xfe\x00"),
        response(b"moved", status="302 Found", more="Location: http://127.0.0.1:1/\r\n"),
        response(GOOD_BODY, status="302 Found"),
        response(GOOD_BODY, status="500 Internal Server Error"),
        response(b"no", status="404 Not Found"),
        response(b"", status="204 No Content"),
    ],
    ids=[
        "empty",
        "HTML",
        "cut off",
        "a list",
        "neither output nor error",
        "both output and error",
        "output isn't an object",
        "error isn't an object",
        "no UTF-8",
        "redirect",
        "redirect with an answer",
        "500 with an answer",
        "404",
        "204",
    ],
)
async def test_an_answer_that_is_none_is_a_failure_the_model_can_go_on_with(
    client: ToolClient, reply: Reply
) -> None:
    async with tool_server(reply) as tool:
        answer = await call(client, tool.url)

    assert failure(answer) == "The tool failed."
    assert len(tool.requests) == 1


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (rb'"Ada \ud83d"', "Ada \ufffd"),
        (rb'"Ada \ud83d\ude00"', "Ada \U0001f600"),
        (b'"Ada \xff"', "Ada \ufffd"),
        (b"NaN", "NaN"),
        (b"-Infinity", "-Infinity"),
    ],
)
async def test_odd_values_in_an_answer_are_cleaned(
    client: ToolClient, value: bytes, told: str
) -> None:
    async with tool_server(response(b'{"output":{"name":' + value + b',"n":1}}')) as tool:
        answer = await call(client, tool.url)

    assert answer == ToolAnswer(output={"name": told, "n": 1})


@pytest.mark.parametrize("depth", [100, 1_500, 15_000])
async def test_an_answer_that_is_nested_too_deep_is_a_failure(
    client: ToolClient, depth: int
) -> None:
    body = b'{"output":{"a":' + b"[" * depth + b"]" * depth + b"}}"
    async with tool_server(response(body)) as tool:
        assert (
            failure(await call(client, tool.url)) == "The tool's answer was nested too deep to use."
        )


async def test_an_answer_that_is_nested_as_deep_as_it_may_be_is_passed_on(
    client: ToolClient,
) -> None:
    body = b'{"output":{"a":' + b"[" * 30 + b"]" * 30 + b"}}"
    async with tool_server(response(body)) as tool:
        answer = await call(client, tool.url)

    assert answer.error is None


async def test_only_a_failing_server_is_worth_another_try(client: ToolClient) -> None:
    async with tool_server(response(b"oops", status="503 Service Unavailable")) as failing:
        passing = await call(client, failing.url)
    async with tool_server(response(b"no", status="403 Forbidden")) as refusing:
        lasting = await call(client, refusing.url)

    assert passing.error is not None
    assert passing.error.retryable
    assert len(refusing.requests) == 1, "a request that was refused for good was sent again"
    assert lasting.error is not None
    assert not lasting.error.retryable


async def test_a_redirect_is_not_followed(client: ToolClient) -> None:
    async with tool_server(response(GOOD_BODY)) as target:
        more = f"Location: {target.url}\r\n"
        reply = response(b"", status="307 Temporary Redirect", more=more)
        async with tool_server(reply) as tool:
            await call(client, tool.url)

        assert target.requests == [], "the caller's data went to another server"


async def silent(writer: asyncio.StreamWriter) -> None:
    await writer.drain()


async def trickle(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.5)


@pytest.mark.parametrize("reply", [silent, trickle], ids=["silent", "byte by byte"])
def test_a_slow_tool_is_given_up_at_its_deadline(reply: Reply) -> None:
    async def story() -> float:
        loop, client = asyncio.get_running_loop(), ToolClient()
        async with tool_server(reply) as tool:
            began_s = loop.time()
            answer, certain = await called(client, tool.url, timeout_s=3.0)
            ended_s = loop.time()
            await tool.hung_up.wait()
        await client.close()
        assert (
            failure(answer) == "The tool took too long to answer, but may have done what you asked."
        )
        assert not certain
        return ended_s - began_s

    assert in_virtual_time(story()) == pytest.approx(3.0)


@pytest.mark.parametrize("announced", [True, False])
async def test_an_endless_answer_is_not_read_to_its_end(
    client: ToolClient, announced: bool
) -> None:
    size = 10_000_000
    sent = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        length = f"Content-Length: {size}\r\n" if announced else "Connection: close\r\n"
        writer.write(f"HTTP/1.1 200 OK\r\n{length}\r\n".encode())
        while sent < size:
            writer.write(b" " * 65_536)
            await writer.drain()
            sent += 65_536

    async with tool_server(flood) as tool:
        answer = await call(client, tool.url)
        async with asyncio.timeout(5):
            await tool.hung_up.wait()

    assert failure(answer) == "The tool's answer was too long to use."
    assert sent < size, "the whole answer was read"


async def test_an_answer_is_asked_for_unpacked(client: ToolClient) -> None:
    """10 MB of spaces compress to 10 kB, and would be decompressed before they are counted."""
    bomb = gzip.compress(b'{"output":{"a":"' + b" " * 10_000_000 + b'"}}')
    async with tool_server(response(bomb, more="Content-Encoding: gzip\r\n")) as tool:
        answer = await call(client, tool.url)

    assert "accept-encoding: identity" in tool.requests[0][0].lower()
    assert answer.error is not None


async def test_a_broken_packing_is_a_failure(client: ToolClient) -> None:
    async with tool_server(response(b"no gzip", more="Content-Encoding: gzip\r\n")) as tool:
        assert failure(await call(client, tool.url))


async def test_a_connection_cut_in_the_answer_is_a_failure(client: ToolClient) -> None:
    async def cut(writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{"outp')
        writer.close()
        await asyncio.sleep(0)

    async with tool_server(cut) as tool:
        answer, certain = await called(client, tool.url)

    assert (
        failure(answer)
        == "The connection to the tool was lost, but it may have done what you asked."
    )
    assert not certain


async def test_what_is_no_http_is_a_failure(client: ToolClient) -> None:
    async def ssh(writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")

    async with tool_server(ssh) as tool:
        assert failure(await call(client, tool.url))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/refused",
        "http://tool.invalid/unknown",
        "ftp://127.0.0.1/",
        "not a URL",
        "",
        "http://[::1",
        "http://127.0.0.1:port/",
        "http://127.0.0.1:99999/",
        "https:///path",
        "http://" + "a" * 70 + ".example/",
        "http://\x00/",
        "http://127.0.0.1:1/" + "x" * 70_000,
    ],
    ids=lambda url: repr(url[:30]),
)
async def test_a_tool_that_cannot_be_reached_is_a_failure_and_never_an_exception(
    client: ToolClient, url: str
) -> None:
    answer, certain = await called(client, url)

    assert failure(answer) == "The tool could not be reached."
    assert certain, "nothing was sent, so nothing can have been done"


async def test_arguments_that_cannot_be_written_are_a_failure(client: ToolClient) -> None:
    tool = ToolDeclaration(name="lookup_account", description="", url="http://127.0.0.1:1/")
    answer, _ = await client.call(tool, msgspec.structs.replace(REQUEST, args={"a": "\ud83d"}))

    assert failure(answer) == "The arguments can't be sent. Use simpler ones."


async def test_a_cancelled_call_leaves_the_tool_at_once(client: ToolClient) -> None:
    async def silent(writer: asyncio.StreamWriter) -> None:
        asked.set()

    asked = asyncio.Event()
    async with tool_server(silent) as tool:
        calling = asyncio.ensure_future(call(client, tool.url))
        async with asyncio.timeout(5):
            await asked.wait()
            calling.cancel()
            await asyncio.gather(calling, return_exceptions=True)
            await tool.hung_up.wait()

    assert calling.cancelled()


async def test_a_slow_tool_does_not_hold_up_another(client: ToolClient) -> None:
    release = asyncio.Event()

    async def slow(writer: asyncio.StreamWriter) -> None:
        await release.wait()
        await response(GOOD_BODY)(writer)

    async with tool_server(slow) as first, tool_server(response(GOOD_BODY)) as second:
        waiting = asyncio.ensure_future(call(client, first.url))
        assert await call(client, second.url) == GOOD
        assert not waiting.done()
        release.set()
        assert await waiting == GOOD


async def test_the_models_arguments_cannot_change_who_is_calling(client: ToolClient) -> None:
    forged = msgspec.structs.replace(REQUEST, args={"call": {"caller": "+10000000000"}})
    async with tool_server(response(GOOD_BODY)) as tool:
        declaration = ToolDeclaration(name="lookup_account", description="", url=tool.url)
        await client.call(declaration, forged)

    body = json.loads(tool.requests[0][1])
    assert body["call"]["caller"] == CALLER
    assert body["args"] == {"call": {"caller": "+10000000000"}}

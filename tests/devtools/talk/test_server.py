"""What the page's server gives, and to whom. Real sockets, no parts behind them."""

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from devtools.command_line import main
from devtools.talk.line import TalkLine
from devtools.talk.server import serving
from ringdown.agents import DEFAULT_AGENT_ID
from ringdown_cli.terminal import Terminal
from tests.devtools.talk.talking import on_a_free_port


async def get(url: str, **headers: str) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False) as http:
        return await http.get(url, headers=headers)


def page(url: str) -> connect:
    """The page's own connection."""
    return connect(f"ws{url.removeprefix('http')}line", origin=url.rstrip("/"))  # type: ignore[arg-type]


async def told(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message of that kind."""
    async with asyncio.timeout(20):
        while True:
            message = await socket.recv()
            if isinstance(message, str) and (read := json.loads(message))["is"] == kind:
                answer: dict[str, Any] = read
                return answer


async def wish(socket: ClientConnection, **fields: str) -> None:
    await socket.send(json.dumps(fields))


async def test_the_page_and_its_parts_are_served(line: TalkLine) -> None:
    async with serving(line, on_a_free_port()) as url:
        index = await get(url)
        script = await get(f"{url}talk.js")
    assert (index.status_code, "Talk to the line" in index.text) == (200, True)
    assert "script-src 'self'" in index.headers["content-security-policy"]
    assert script.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "path",
    [
        *("nothing.html", "../server.py", "page/../../server.py", "calls/..%2Fr.db", "calls/r.db"),
        *("n" * 300 + ".html", f"calls/{'n' * 300}.html"),  # longer than names of files may be
    ],
)
async def test_nothing_else_is(line: TalkLine, path: str) -> None:
    async with serving(line, on_a_free_port()) as url:
        assert (await get(url + path)).status_code == 404


async def test_under_another_name_there_is_nothing(line: TalkLine) -> None:
    async with serving(line, on_a_free_port()) as url:
        assert (await get(url, host="rebound.example")).status_code == 403


async def test_a_request_with_two_hosts_is_refused(line: TalkLine) -> None:
    async with serving(line, on_a_free_port()) as url:
        host = url.split("/")[2]
        reader, writer = await asyncio.open_connection(*host.split(":"))
        writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n".encode())
        assert await reader.readline() == b"HTTP/1.1 400 Bad Request\r\n"
        writer.close()


async def test_another_site_may_not_use_the_telephone(line: TalkLine) -> None:
    async with serving(line, on_a_free_port()) as url:
        with pytest.raises(InvalidStatus, match="403"):
            async with connect(f"ws{url.removeprefix('http')}line", origin="http://other.example"):  # type: ignore[arg-type]
                pass


async def test_what_the_line_does_not_know_is_told(line: TalkLine) -> None:
    async with serving(line, on_a_free_port()) as url, page(url) as socket:
        await socket.send('{"do": "sing"}')
        assert "sing" in (await told(socket, "problem"))["words"]
        await socket.send("no json")
        assert "Reload" in (await told(socket, "problem"))["words"]


@pytest.mark.parametrize("do", [{"do": "press", "key": "1"}, {"do": "trouble", "what": "go_away"}])
async def test_what_needs_a_call_says_so(line: TalkLine, do: dict[str, str]) -> None:
    async with serving(line, on_a_free_port()) as url, page(url) as socket:
        await wish(socket, **do)
        assert "dial first" in (await told(socket, "problem"))["words"]


async def test_an_edit_is_saved_and_a_broken_one_is_not(line: TalkLine) -> None:
    async with serving(line, on_a_free_port()) as url, page(url) as socket:
        agent = (await told(socket, "line"))["agent"]
        text = agent["text"].replace("Hello, this is the demonstration line.", "Good day.")
        await wish(socket, do="save_agent", text=text, version=agent["version"])
        saved = await told(socket, "agent")
        await wish(
            socket,
            do="save_agent",
            text=text.replace("greeting:", "greating:").replace("Kore", "Nobody"),
            version=saved["version"],
        )
        refused = await told(socket, "agent")
    stored = await line.store.read_agent(DEFAULT_AGENT_ID)
    assert stored is not None
    assert stored.document["greeting"].startswith("Good day.")
    assert saved["good"]
    assert saved["said"].startswith("Saved. The next call uses it.")
    assert not refused["good"]
    for problem in ("voice: ", "greeting: is missing", "greating: "):
        assert problem in refused["said"], "everything is told at once"
    assert "Did you mean greeting?" in refused["said"]
    assert "Nobody" in refused["text"]


@pytest.mark.parametrize(
    ("more", "told_of"),
    [
        ("a: &a [x]\nb: *a\n", "aliases can't be used"),
        (f"max_call_s: {'9' * 5_000}\n", "a number of 5000 digits is too long"),
    ],
)
async def test_what_no_agent_can_be_is_told(line: TalkLine, more: str, told_of: str) -> None:
    async with serving(line, on_a_free_port()) as url, page(url) as socket:
        agent = (await told(socket, "line"))["agent"]
        await wish(socket, do="save_agent", text=agent["text"] + more, version=agent["version"])
        refused = await told(socket, "agent")
    assert told_of in refused["said"]
    assert refused["text"].endswith(more)


async def test_of_two_editors_the_second_is_told(line: TalkLine) -> None:
    async with (
        serving(line, on_a_free_port()) as url,
        page(url) as one,
        page(url) as other,
    ):
        agent = (await told(one, "line"))["agent"]
        await told(other, "line")
        await wish(
            one, do="save_agent", text=agent["text"] + "max_call_s: 600\n", version=agent["version"]
        )
        await told(one, "agent")
        await wish(other, do="save_agent", text=agent["text"], version=agent["version"])
        second = await told(other, "agent")
    assert not second["good"]
    assert "Somebody else" in second["said"]


async def test_there_is_one_telephone(line: TalkLine) -> None:
    """Nothing answers behind it, so the first call lasts as long as Twilio's apology."""
    async with (
        serving(line, on_a_free_port()) as url,
        page(url) as one,
        page(url) as other,
    ):
        await wish(one, do="dial")
        await told(one, "call")
        await wish(other, do="dial")
        assert "Another tab" in (await told(other, "call"))["words"]


async def test_a_page_that_goes_away_hangs_up(line: TalkLine) -> None:
    async with (
        asyncio.timeout(10),
        serving(line, on_a_free_port()) as url,
        page(url) as socket,
    ):
        await wish(socket, do="dial")
        await told(socket, "call")
        assert line.busy
    assert not line.busy


def test_a_port_that_is_taken_is_told_before_anything_is_started(tmp_path: Path) -> None:
    with on_a_free_port() as taken:
        port = str(taken.getsockname()[1])
        errors = io.StringIO()
        terminal = Terminal(io.StringIO(), io.StringIO(), errors)
        status = main(
            ("talk",), environ={"TALK_PORT": port}, terminal=terminal, out=tmp_path / "out"
        )
    assert status != 0
    assert "TALK_PORT=…" in errors.getvalue()
    assert not (tmp_path / "out").exists()

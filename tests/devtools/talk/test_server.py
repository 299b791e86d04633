"""What the page's server serves, and to whom: over real sockets, without the line's parts."""

import asyncio
import dataclasses
import datetime
import io
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from devtools.command_line import main
from devtools.talk.line import CALLER, NUMBER, TalkLine
from devtools.talk.server import serving
from ringdown.agents import DEFAULT_AGENT_ID
from ringdown_cli.terminal import Terminal
from tests.devtools.talk.talking import on_a_free_port


async def get(url: str, **headers: str) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False) as http:
        return await http.get(url, headers=headers)


def page(url: str) -> connect:
    """The page's connection."""
    return connect(f"ws{url.removeprefix('http')}line", origin=url.rstrip("/"))  # type: ignore[arg-type]


async def told(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message of that kind."""
    async with asyncio.timeout(20):
        while True:
            message = await socket.recv()
            if isinstance(message, str) and (read := json.loads(message))["is"] == kind:
                answer: dict[str, Any] = read
                return answer


async def wish(socket: ClientConnection, **fields: Any) -> None:
    await socket.send(json.dumps(fields))


async def dial(socket: ClientConnection, **fields: str) -> None:
    await wish(socket, do="dial", **{"caller": CALLER, "called": NUMBER, **fields})


async def test_the_page_and_its_parts_are_served(line: TalkLine) -> None:
    async with serving(line, on_a_free_port()) as url:
        index = await get(url)
        script = await get(f"{url}talk.js")
    assert (index.status_code, "call the line" in index.text) == (200, True)
    assert "script-src 'self'" in index.headers["content-security-policy"]
    assert script.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "path",
    [
        *("nothing.html", "../server.py", "page/../../server.py", "calls/..%2Fr.db", "calls/r.db"),
        *("n" * 300 + ".html", f"calls/{'n' * 300}.html"),  # longer than file names can be
    ],
)
async def test_nothing_else_is(line: TalkLine, path: str) -> None:
    async with serving(line, on_a_free_port()) as url:
        assert (await get(url + path)).status_code == 404


async def test_the_page_leads_to_the_console_and_may_show_it(line: TalkLine) -> None:
    async with serving(line, on_a_free_port()) as url:
        before = await get(f"{url}console/")
        line.console_url = "http://127.0.0.1:9/"
        after = await get(f"{url}console/agents/default")
        index = await get(url)

    assert before.status_code == 404
    assert after.status_code == 302
    assert after.headers["Location"] == "http://127.0.0.1:9/agents/default"
    policy = index.headers["content-security-policy"].split("; ")
    assert "frame-src 'self' http://127.0.0.1:9/" in policy


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


@pytest.mark.parametrize(
    "do",
    [
        {"do": "press", "key": "1"},
        {"do": "trouble", "what": "go_away"},
        {"do": "speak", "text": "hello"},
    ],
)
async def test_what_needs_a_call_says_so(line: TalkLine, do: dict[str, str]) -> None:
    async with serving(line, on_a_free_port()) as url, page(url) as socket:
        await wish(socket, **do)
        assert "call first" in (await told(socket, "problem"))["words"]


async def test_there_is_a_choice_of_callers_numbers_and_sentences(line: TalkLine) -> None:
    await line.store.write_number("+14155550101", "night")
    async with serving(line, on_a_free_port()) as url, page(url) as socket:
        ready = await told(socket, "line")
    assert CALLER in ready["callers"]
    assert ready["numbers"] == {NUMBER: DEFAULT_AGENT_ID, "+14155550101": "night"}
    assert ready["suggestions"] == ["when is my next delivery"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"caller": "0123"}, "“0123” isn't a phone number. Write it like +14155550100."),
        ({"called": "nobody"}, "“nobody” isn't a phone number. Write it like +14155550100."),
        ({"at": "tonight"}, "Can't read “tonight” as a time. Write it like 2026-11-29T20:00."),
        ({"at": "1999-01-01T00:00"}, "Choose a time within a year."),
    ],
)
async def test_a_call_that_cannot_be_placed_says_why(
    line: TalkLine, fields: dict[str, str], words: str
) -> None:
    async with serving(line, on_a_free_port()) as url, page(url) as socket:
        await dial(socket, **fields)
        refused = await told(socket, "call")
    assert (refused["status"], refused["words"]) == ("refused", words)
    assert not line.busy


async def test_the_line_s_time_is_that_of_the_agent_s_place(line: TalkLine) -> None:
    """The packaged agent is in Los Angeles, eight hours behind UTC in January."""
    now = datetime.datetime(2026, 1, 1, 12, 0, tzinfo=datetime.UTC)
    line = dataclasses.replace(line, now=lambda: now)
    await line.set_time(NUMBER, "2026-01-04T20:00")
    ahead = datetime.datetime(2026, 1, 5, 4, 0, tzinfo=datetime.UTC) - now
    assert float(line.clock.read_text("ascii")) == ahead.total_seconds()
    await line.set_time(NUMBER, "")
    assert float(line.clock.read_text("ascii")) == 0


async def test_there_is_one_telephone(line: TalkLine) -> None:
    """No part answers, so the first call lasts as long as Twilio's apology."""
    async with (
        serving(line, on_a_free_port()) as url,
        page(url) as one,
        page(url) as other,
    ):
        await dial(one)
        await told(one, "call")
        await dial(other)
        assert "Another tab" in (await told(other, "call"))["words"]


async def test_a_page_that_goes_away_hangs_up(line: TalkLine) -> None:
    async with (
        asyncio.timeout(10),
        serving(line, on_a_free_port()) as url,
        page(url) as socket,
    ):
        await dial(socket)
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

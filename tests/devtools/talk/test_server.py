"""What the page's server gives, and to whom. Real sockets, no parts behind them."""

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
from tests.ringdown.samples import a_tool


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


async def wish(socket: ClientConnection, **fields: Any) -> None:
    await socket.send(json.dumps(fields))


async def dial(socket: ClientConnection, **fields: str) -> None:
    await wish(socket, do="dial", **{"caller": CALLER, "called": NUMBER, **fields})


async def edit(
    socket: ClientConnection, agent: dict[str, Any], purpose: str = "save", **fields: Any
) -> dict[str, Any]:
    """What comes of an edit of `agent`: its text, if given, and fields."""
    text = fields.pop("text", agent["text"])
    await wish(
        socket,
        do="edit_agent",
        purpose=purpose,
        text=text,
        fields=fields,
        version=agent["version"],
    )
    return await told(socket, "agent")


def problems(agent: dict[str, Any]) -> dict[str, str]:
    return {problem["field"]: problem["words"] for problem in agent["problems"]}


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
        *("n" * 300 + ".html", f"calls/{'n' * 300}.html"),  # longer than names of files may be
    ],
)
async def test_nothing_else_is(line: TalkLine, path: str) -> None:
    async with serving(line, on_a_free_port()) as url:
        assert (await get(url + path)).status_code == 404


async def test_the_page_leads_to_the_console(line: TalkLine) -> None:
    async with serving(line, on_a_free_port()) as url:
        before = await get(f"{url}console")
        line.console_url = "http://127.0.0.1:9/"
        after = await get(f"{url}console")

    assert before.status_code == 404
    assert (after.status_code, after.headers["Location"]) == (302, "http://127.0.0.1:9/")


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


async def test_an_edit_is_saved_and_a_broken_one_is_not(line: TalkLine) -> None:
    async with serving(line, on_a_free_port()) as url, page(url) as socket:
        agent = (await told(socket, "line"))["agent"]
        text = agent["text"].replace("Hello, this is the demonstration line.", "Good day.")
        saved = await edit(socket, agent, text=text)
        broken = text.replace("greeting:", "greating:").replace("Kore", "Nobody")
        refused = await edit(socket, saved, text=broken)
    stored = await line.store.read_agent(DEFAULT_AGENT_ID)
    assert stored is not None
    assert stored.document["greeting"].startswith("Good day.")
    assert saved["good"]
    assert saved["said"] == "Saved. The next call uses it."
    assert not refused["good"]
    assert {"voice", "greeting", "greating"} <= problems(refused).keys(), (
        "everything is told at once"
    )
    assert "Did you mean greeting?" in problems(refused)["greating"]
    assert "Nobody" in refused["text"]


async def test_fields_of_the_form_change_what_they_are_and_nothing_else(line: TalkLine) -> None:
    hours = {"monday": "09:00-17:00"}
    async with serving(line, on_a_free_port()) as url, page(url) as socket:
        agent = (await told(socket, "line"))["agent"]
        saved = await edit(socket, agent, greeting="Good day.", opening_hours=hours, notice=None)
    stored = await line.store.read_agent(DEFAULT_AGENT_ID)
    assert stored is not None
    kept = {name: value for name, value in agent["fields"].items() if name != "notice"}
    assert stored.document == {**kept, "greeting": "Good day.", "opening_hours": hours}
    assert saved["fields"] == stored.document
    assert "greeting: Good day." in saved["text"]


async def test_a_field_s_problem_is_told_at_the_field(line: TalkLine) -> None:
    await line.store.write_tool(a_tool())
    async with serving(line, on_a_free_port()) as url, page(url) as socket:
        agent = (await told(socket, "line"))["agent"]
        hours = {"monday": "nine to five"}
        checked = await edit(socket, agent, "check", voice="Korr", opening_hours=hours)
    stored = await line.store.read_agent(DEFAULT_AGENT_ID)
    assert stored is not None
    assert stored.version == agent["version"], "checking saves nothing"
    assert problems(checked).keys() == {"voice", "opening_hours.monday"}
    assert "Did you mean Kore?" in problems(checked)["voice"]
    assert (checked["said"], checked["good"]) == ("", False)


async def test_the_form_becomes_yaml_and_back_without_being_saved(line: TalkLine) -> None:
    async with serving(line, on_a_free_port()) as url, page(url) as socket:
        agent = (await told(socket, "line"))["agent"]
        as_yaml = await edit(socket, agent, "show", greeting="Good day.")
        back = await edit(socket, as_yaml, "show", text=as_yaml["text"].replace("Good", "Fine"))
        broken = await edit(socket, agent, "show", text="greeting: [")
    assert "greeting: Good day." in as_yaml["text"]
    assert back["fields"]["greeting"] == "Fine day."
    assert (broken["fields"], broken["good"], broken["text"]) == (None, False, "greeting: [")
    assert "Line 1" in problems(broken)[""]


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
        refused = await edit(socket, agent, text=agent["text"] + more)
    assert told_of in problems(refused)[""]
    assert refused["text"].endswith(more)


async def test_of_two_editors_the_second_is_told(line: TalkLine) -> None:
    async with (
        serving(line, on_a_free_port()) as url,
        page(url) as one,
        page(url) as other,
    ):
        agent = (await told(one, "line"))["agent"]
        await told(other, "line")
        await edit(one, agent, max_call_s=600)
        second = await edit(other, agent, greeting="Good day.")
        again = await edit(other, second)
    assert not second["good"]
    assert "Somebody else" in second["said"]
    assert second["fields"]["greeting"] == "Good day."
    assert again["said"].startswith("Saved.")


async def test_there_is_a_choice_of_callers_numbers_sentences_and_tools(line: TalkLine) -> None:
    await line.store.write_tool(a_tool())
    await line.store.write_number("+14155550101", "night")
    async with serving(line, on_a_free_port()) as url, page(url) as socket:
        ready = await told(socket, "line")
    assert CALLER in ready["callers"]
    assert ready["numbers"] == {NUMBER: DEFAULT_AGENT_ID, "+14155550101": "night"}
    assert ready["suggestions"] == ["when is my next delivery"]
    assert ready["tools"] == {"lookup_account": "Looks up."}
    assert "Kore" in ready["voices"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"caller": "0123"}, "“0123” isn't a number. Write it like +14155550100."),
        ({"called": "nobody"}, "“nobody” isn't a number. Write it like +14155550100."),
        ({"at": "tonight"}, "Can't read “tonight” as a time. Write 2026-11-29T20:00."),
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
    """The packaged agent is in Los Angeles, eight hours behind Greenwich in January."""
    now = datetime.datetime(2026, 1, 1, 12, 0, tzinfo=datetime.UTC)
    line = dataclasses.replace(line, now=lambda: now)
    await line.set_time(NUMBER, "2026-01-04T20:00")
    ahead = datetime.datetime(2026, 1, 5, 4, 0, tzinfo=datetime.UTC) - now
    assert float(line.clock.read_text("ascii")) == ahead.total_seconds()
    await line.set_time(NUMBER, "")
    assert float(line.clock.read_text("ascii")) == 0


async def test_there_is_one_telephone(line: TalkLine) -> None:
    """Nothing answers behind it, so the first call lasts as long as Twilio's apology."""
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

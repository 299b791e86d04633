"""Calls from the page to a complete line, without a browser: sentences are clicked, not spoken."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect

from devtools.talk.line import (
    CALLER,
    NUMBER,
    SCENARIO,
    Ear,
    TalkLine,
    text_network,
    texting_environ,
)
from devtools.talk.server import serving
from ringdown import clock
from ringdown.agents import packaged_document
from ringdown.stores import open_store
from simulators.pictures import picture
from tests.devtools.talk.talking import on_a_free_port
from tests.ringdown.seeding import write_agent
from tests.whole_line import phone_network, running_gemini, running_line, settings_with

TESTER = "+14155550124"
TOOLS = {
    "ask_for_photo",
    "lookup_account",
    "schedule_callback",
    "search_knowledge_base",
    "send_text_message",
}


@asynccontextmanager
async def a_line(folder: Path) -> AsyncIterator[tuple[TalkLine, ClientConnection]]:
    """A line with all tools, and a page's connection to it."""
    texting = text_network()
    async with (
        texting.rest_api() as texts_url,
        running_gemini(SCENARIO, folder / "model") as gemini,
        running_line(
            settings_with(
                folder, gemini, served_tools=None, tool_environ=texting_environ(texts_url)
            )
        ) as stack,
        open_store(stack.store_url) as store,
    ):
        line = TalkLine(
            stack=stack,
            store=store,
            network=phone_network(stack),
            stand_in=None,
            phrases=(),
            suggestions=(),
            clock=folder / "clock",
            pages=folder,
            now=clock.now,
            ear=Ear(),
            texts=texting.texts,
        )
        agent: dict[str, Any] = {**packaged_document(), "notice": "", "greeting": "Good day."}
        await write_agent(store, "default", agent)
        async with (
            serving(line, on_a_free_port()) as url,
            connect(f"ws{url[4:]}line", origin=url.rstrip("/")) as page,  # type: ignore[arg-type]
        ):
            yield line, page


async def wish(page: ClientConnection, **fields: Any) -> None:
    await page.send(msgspec.json.encode(fields).decode())


async def told(page: ClientConnection, kind: str, **fields: str) -> dict[str, Any]:
    """The next message of that kind whose fields contain these words."""
    while True:
        message = await page.recv()
        if isinstance(message, bytes):
            continue
        read: dict[str, Any] = msgspec.json.decode(message)
        if read["is"] == kind and all(text in str(read[name]) for name, text in fields.items()):
            return read


async def dial(page: ClientConnection, **fields: str) -> None:
    await wish(page, do="dial", **{"caller": CALLER, "called": NUMBER, **fields})


async def test_a_call_needs_no_microphone(tmp_path: Path) -> None:
    async with a_line(tmp_path) as (line, page):
        tools = set(await line.store.declared_tools())
        await dial(page)
        answering = await told(page, "answering")
        await told(page, "turn", who="agent", text="Good day.")
        await wish(page, do="speak", text="hello when is my next delivery")
        await told(page, "turn", who="caller", text="next delivery")
        await told(page, "turn", who="agent", text="account number")
        await wish(page, do="speak", text="it is one two three four five six")
        used = await told(page, "tool", outcome="answered")
        await told(page, "turn", who="agent", text="next delivery")
        await wish(page, do="speak", text="goodbye")
        over = await told(page, "call", status="over")
        html = (tmp_path / over["page"].removeprefix("/calls/")).read_text("utf-8")

    assert tools == TOOLS
    assert (answering["agent"], answering["is_draft"]) == ("default", False)
    assert used["name"] == "lookup_account"
    assert over["figures"][0]["name"] == "Cost"
    assert {"Reply", "Tool calls"} <= {figure["name"] for figure in over["figures"]}
    assert "hello when is my next delivery" in html


async def test_what_the_synthetic_caller_says_is_heard_on_the_page(tmp_path: Path) -> None:
    async with a_line(tmp_path) as (_, page):
        await dial(page)
        await told(page, "turn", who="agent", text="Good day.")
        await wish(page, do="speak", text="goodbye")
        while len(sentence := await page.recv()) <= 320 or isinstance(sentence, str):
            pass
        await told(page, "call", status="over")

    assert 0.4 < len(sentence) / 16_000 < 2.0


async def test_a_tool_that_is_ticked_is_called(tmp_path: Path) -> None:
    async with a_line(tmp_path) as (line, page):
        stored = await line.store.read_agent("default")
        assert stored is not None
        tools = {"tools": ["lookup_account", "search_knowledge_base"]}
        await write_agent(line.store, "default", {**stored.document, **tools})
        await dial(page)
        await told(page, "turn", who="agent", text="Good day.")
        await wish(page, do="speak", text="how do i pause my plan")
        used = await told(page, "tool")
        await told(page, "turn", who="agent", text="found an article")
        await wish(page, do="hang_up")
        await told(page, "call", status="over")

    assert (used["name"], used["outcome"]) == ("search_knowledge_base", "answered")


async def test_a_photo_is_sent_on_the_callers_page_and_answered(tmp_path: Path) -> None:
    async with a_line(tmp_path) as (line, page):
        stored = await line.store.read_agent("default")
        assert stored is not None
        photos = {"photos": True, "keep_photos": True}
        await write_agent(line.store, "default", {**stored.document, **photos})
        await dial(page)
        await told(page, "turn", who="agent", text="Good day.")
        await wish(page, do="speak", text="can i send you a photo")
        text = await told(page, "text")
        await told(page, "turn", who="agent", text="choose a photo")
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as phone:
            shown = await phone.get(text["link"])
            photo = {"photo": ("IMG_1.JPG", picture("label"))}
            sent = await phone.post(text["link"], files=photo)
            await told(page, "turn", who="agent", text="strawberry jam")
            await wish(page, do="hang_up")
            over = await told(page, "call", status="over")
            html = (tmp_path / over["page"].removeprefix("/calls/")).read_text("utf-8")
            late = await phone.post(text["link"], files=photo)

    assert text["words"].endswith(text["link"])
    assert "automated assistant" in shown.text
    assert sent.headers["Location"] == "?sent=photo"
    assert late.status_code == 404
    assert "data:image/jpeg;base64," in html, "this agent keeps photos"


async def test_without_photos_in_the_agent_no_text_is_sent(tmp_path: Path) -> None:
    async with a_line(tmp_path) as (line, page):
        await dial(page)
        await told(page, "turn", who="agent", text="Good day.")
        await wish(page, do="speak", text="can i send you a photo")
        await told(page, "turn", who="agent", text="I cannot send you a link")

    assert list(line.texts) == []


async def test_a_tester_hears_the_draft_and_others_do_not(tmp_path: Path) -> None:
    async with a_line(tmp_path) as (line, page):
        draft: dict[str, Any] = {
            **packaged_document(),
            "notice": "",
            "greeting": "I am new.",
            "testers": [TESTER],
        }
        await line.store.write_agent("default", draft, over=None, draft=True)
        await dial(page, caller=TESTER)
        answering = await told(page, "answering")
        await told(page, "turn", who="agent", text="I am new.")
        await wish(page, do="hang_up")
        await told(page, "call", status="over")
        await dial(page)
        await told(page, "turn", who="agent", text="Good day.")

    assert answering["is_draft"] is True


async def test_the_number_called_chooses_the_agent(tmp_path: Path) -> None:
    async with a_line(tmp_path) as (line, page):
        night: dict[str, Any] = {**packaged_document(), "notice": "", "greeting": "Good night."}
        await line.store.write_agent("night", night, over=None)
        await line.store.write_number("+14155550101", "night")
        await dial(page, called="+14155550101")
        await told(page, "turn", who="agent", text="Good night.")


@pytest.mark.parametrize("text", ["?!", "   "])
async def test_what_cannot_be_said_is_told(tmp_path: Path, text: str) -> None:
    async with a_line(tmp_path) as (_, page):
        await dial(page)
        await told(page, "turn", who="agent", text="Good day.")
        await wish(page, do="speak", text=text)
        problem = await told(page, "problem")

    assert problem["words"] == f"The synthetic caller can't say “{text}”."

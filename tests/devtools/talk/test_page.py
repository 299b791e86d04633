"""The page in a browser, with the test playing the line."""

import asyncio
import dataclasses
import io
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console.serving import serve
from devtools.talk.line import TalkLine
from devtools.talk.messages import (
    Answering,
    CallChanged,
    CallFigure,
    Happened,
    LineReady,
    Lost,
    Problem,
    Said,
    Saying,
    Texted,
    ToolUsed,
    ToPage,
)
from devtools.talk.server import origins, serving
from ringdown import clock
from ringdown.agents import DEFAULT_AGENT_ID, packaged_document
from ringdown.call_page import CallPage, call_page
from ringdown.calls import upload_link
from ringdown_cli.console import serving_pages
from simulators.pictures import PICTURES
from simulators.speech.synthesis import synthesize
from tests.browser import CHROMIUM, Tab, open_page
from tests.devtools.talk.talking import AGENT, on_a_free_port, press
from tests.functions.caller_page.links import SECRET
from tests.functions.loading import FUNCTIONS, loaded_app
from tests.pages import LOOKS, assert_shown_well, picture
from tests.ringdown.samples import CALL_SID, a_call, a_turn

pytestmark = [
    pytest.mark.real_clock,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium. Install it: apt-get install chromium"),
]

NASTY = """</script><script>document.title = "taken"</script><img src="http://x.example/"> שלום"""
SCROLLS = "#transcript, #events, #suggestions"
SENTENCES = (
    "hello when is my next delivery",
    "it is one two three four five six",
    "how does the family plan work",
    "how much does it cost",
    "can i stop my order",
    "tell me a story",
    "goodbye",
)
DOCUMENT: dict[str, Any] = packaged_document()
READY = LineReady(
    callers={"+14155550123": "you", "+14155550124": "another caller"},
    numbers={"+14155550100": "default"},
    suggestions=SENTENCES,
    phrases=(*SENTENCES, "where is my order"),
    pictures=PICTURES,
    is_stand_in=True,
)
_NOTICE = "You are speaking with an automated assistant. This call is transcribed."
_ASKED, _ACCOUNT, _PLAN = '{"account_number": "123456"}', '{"status": "active"}', "The family plan"
CALL: tuple[ToPage, ...] = (
    CallChanged("ringing"),
    CallChanged("answered"),
    Answering("default", "8438eba1ddd2", is_draft=False),
    Happened(0.1, "notice", _NOTICE),
    Happened(4.0, "stream-open", "stream opened"),
    Said(1, "agent", "Hello, this is the demonstration line.", False, None, None),
    Said(2, "caller", "hello when is my next delivery", False, None, None),
    Said(3, "agent", "I can look that up. What is your account number?", False, 790, None),
    Said(4, "caller", "it is one two three four five six", False, None, None),
    ToolUsed("t1", "lookup_account", _ASKED, _ACCOUNT, "answered", 21),
    Said(5, "agent", "Your next delivery is on Thursday.", False, 760, None),
    Happened(20.0, "trouble", "killed stream_handler_1, which was handling the call"),
    Lost("agent", "with the family"),
    Said(6, "agent", "I am back. Please go on.", False, None, None),
    Saying("caller", "how does the family"),
)
OVER = CallChanged(
    "over",
    "agent hung up",
    "/calls/CA1.html",
    (CallFigure("Cost", "$0.02", "estimate"), CallFigure("Reply", "0.77 s", "median of 5")),
    ("The audio stream ended early once.",),
)
CALLER_IS_DRAWN = """
(({ width, height }, pen) =>
  pen.getImageData(0, 0, 0.8 * width, height).data.some((value) => value))(
  document.getElementById("voice-of-caller"),
  document.getElementById("voice-of-caller").getContext("2d"))
"""
_LINE_IS_THE_TEST = """
window.told = [];
window.WebSocket = class {
  static OPEN = 1;
  constructor() { this.readyState = 1; this.bufferedAmount = 0; window.line = this; }
  send(message) { if (typeof message === "string") window.told.push(JSON.parse(message)); }
};
"""


@asynccontextmanager
async def shown(
    line: TalkLine, ready: LineReady = READY, *, listener: socket.socket | None = None
) -> AsyncIterator[Tab]:
    listener, pages = listener or on_a_free_port(), on_a_free_port()
    async with (
        serving(line, listener) as url,
        serving_pages(line.store, pages, clock.now, origins(listener)) as line.console_url,
        open_page("about:blank") as tab,
    ):
        await tab.tell("Page.addScriptToEvaluateOnNewDocument", source=_LINE_IS_THE_TEST)
        await tab.open(url)
        await tell(tab, ready)
        yield tab


async def tell(tab: Tab, *messages: ToPage) -> None:
    for message in messages:
        text = json.dumps(msgspec.json.encode(message).decode())
        await tab.evaluate(f"window.line.onmessage({{ data: {text} }})")


async def wished(tab: Tab, do: str) -> dict[str, Any]:
    """The page's latest message of that kind."""
    await tab.until(f"window.told.some((wish) => wish.do === {do!r})")
    wish: dict[str, Any] = await tab.evaluate(f"window.told.findLast((it) => it.do === {do!r})")
    return wish


async def call(tab: Tab, *messages: ToPage) -> None:
    """Call, and send these messages to the page."""
    await tab.evaluate("document.getElementById('dial').click()")
    await wished(tab, "dial")
    await tell(tab, *messages)


async def hear(tab: Tab, sentence: str, *, from_caller: bool = False) -> None:
    """Send the page the agent's audio frame by frame, or the synthetic caller's in one piece."""
    sound = synthesize(sentence, rate_hz=8_000)
    frame = len(sound) if from_caller else 160
    for at in range(0, len(sound) - frame + 1, frame):
        samples = sound[at : at + frame].tolist()
        await tab.evaluate(f"window.line.onmessage({{ data: Int16Array.of(...{samples}).buffer }})")


async def focused(tab: Tab) -> str:
    return str(
        await tab.evaluate("document.activeElement.id || document.activeElement.textContent.trim()")
    )


async def test_it_is_shown_well_before_in_and_after_a_call(line: TalkLine, pictures: Path) -> None:
    async with shown(line) as tab:
        await assert_shown_well(tab, scrolls=SCROLLS)
        await call(tab, *CALL)
        await hear(tab, "how does the family plan work", from_caller=True)
        await hear(tab, "It is twenty dollars a month, and you can change it at any time.")
        await tab.until(f"{CALLER_IS_DRAWN}")
        await assert_shown_well(tab, scrolls=SCROLLS)
        await tab.evaluate("document.getElementById('transcript').scrollTop = 1e6")
        await picture(tab, pictures / "talk.png")
        await tab.resize(360, 740, dark=True)
        await picture(tab, pictures / "talk-phone.png")
        await tab.evaluate(
            "document.querySelectorAll('details').forEach((it) => { it.open = true; })"
        )
        await tell(tab, Problem("No microphone found."), OVER)
        await tab.until("!document.getElementById('dial').hidden")
        await assert_shown_well(tab, scrolls=SCROLLS)
        problems = tab.problems

    assert problems == []


async def test_the_callers_phone_shows_the_page_that_the_caller_was_sent(
    line: TalkLine, tmp_path: Path, pictures: Path, restored_logging: None
) -> None:
    """The phone is a frame, which the caller's page allows only here; a click sends a picture."""
    listener, page = on_a_free_port(), on_a_free_port()
    page_url = f"http://127.0.0.1:{page.getsockname()[1]}"
    environ = {
        "STORE_URL": line.stack.store_url,
        "UPLOAD_LINK_SECRET": SECRET,
        "FRAMED_BY": " ".join(origins(listener)),
    }
    main = FUNCTIONS / "caller_page" / "main.py"
    app, stop = loaded_app("caller_page", main, environ, io.StringIO()), asyncio.Event()
    line.stack = dataclasses.replace(line.stack, caller_page_local_url=page_url)
    await line.store.open_call(a_call())
    link = upload_link.mint(page_url, (SECRET,), call_sid=CALL_SID, now_s=time.time())
    async with asyncio.TaskGroup() as group, shown(line, listener=listener) as tab:
        group.create_task(serve(app, page, stop))
        await call(tab, *CALL, Texted(f"Send your photo here while we talk: {link}", link))
        await press(tab, "Open the link")
        await until_sent(tab, link)
        await assert_shown_well(tab, scrolls=SCROLLS)
        await tab.evaluate("document.getElementById('mobile').scrollIntoView()")
        await picture(tab, pictures / "talk-photo.png")
        await press(tab, "meter")
        await until_sent(tab, f"{link}?sent=photo")
        uploads = await line.store.later_uploads({CALL_SID: 0})
        problems = tab.problems
        stop.set()

    assert problems == []
    assert len(uploads[CALL_SID]) == 1


async def until_sent(tab: Tab, url: str) -> None:
    """Wait until the tab, or a frame in it, has requested that URL."""
    while url not in tab.requests:
        await tab.evaluate("new Promise((resolve) => setTimeout(resolve, 50))")


async def test_what_others_wrote_is_shown_and_nothing_more(line: TalkLine) -> None:
    ready = msgspec.structs.replace(
        READY,
        callers={NASTY: NASTY},
        numbers={NASTY: NASTY},
        phrases=(NASTY,),
        suggestions=(NASTY,),
    )
    async with shown(line, ready) as tab:
        await call(
            tab,
            CallChanged("answered"),
            Answering(NASTY, NASTY, is_draft=True),
            Happened(0, "notice", NASTY),
            Happened(0, "trouble", NASTY),
            Said(1, "caller", NASTY, True, 1, 1),
            Saying("agent", NASTY),
            Lost("agent", NASTY),
            ToolUsed("t", NASTY, NASTY, NASTY, NASTY, 1),
            Texted(NASTY, ""),
            Problem(NASTY),
        )
        await tell(
            tab, CallChanged("over", NASTY, "/x", (CallFigure(NASTY, NASTY, NASTY),), (NASTY,))
        )
        text = await tab.text()
        title = await tab.evaluate("document.title")
        images = await tab.evaluate("document.images.length")
        requests, problems = tab.requests, tab.problems

    assert text.count("taken") > 10
    assert title == "Ringdown · call the line"
    assert (images, problems) == (1 + len(PICTURES), [])
    assert not [url for url in requests if "x.example" in url]


@pytest.mark.parametrize("dark", [False, True])
async def test_on_a_phone_what_is_said_is_seen_without_scrolling(
    line: TalkLine, dark: bool
) -> None:
    async with shown(line) as tab:
        await tab.resize(360, 740, dark=dark)
        await call(tab, *CALL[:6])
        place = await tab.evaluate(
            "(({ top, bottom }) => [top, bottom])"
            "(document.querySelector('#transcript li.agent').getBoundingClientRect())"
        )
        hero = await tab.evaluate("document.getElementById('phone').offsetHeight")

    assert 0 < place[0] < place[1] < 740
    assert hero <= 150


async def test_a_voice_has_one_colour_and_one_side_on_every_page(
    line: TalkLine, tmp_path: Path
) -> None:
    file = tmp_path / "call.html"
    record = msgspec.convert(
        {"call": a_call(), "claims": (), "turns": (a_turn(1),), "tool_calls": ()},
        type=CallPage.__annotations__["record"],
    )
    await asyncio.to_thread(file.write_text, call_page(CallPage(record)), "utf-8")
    colour = "getComputedStyle(document.querySelector('{} .who')).color"
    async with shown(line) as tab, open_page(file.as_uri()) as page:
        await call(tab, *CALL[:8])
        assert await tab.evaluate(colour.format("#transcript .agent")) == await page.evaluate(
            colour.format("#entries .agent")
        )
        sides = await tab.evaluate(
            "['caller', 'agent'].map((who) =>"
            " document.querySelector(`#transcript .${who}`).getBoundingClientRect().left)"
        )
    assert sides[0] < sides[1], "the caller belongs on the left, the agent on the right"


async def test_a_sentence_is_said_by_a_click_and_makes_room_for_the_next(line: TalkLine) -> None:
    async with shown(line) as tab:
        assert await tab.evaluate("document.querySelector('#suggestions button').disabled")
        await call(tab, *CALL[:3])
        await tab.evaluate("document.querySelector('#suggestions button').click()")
        said = await wished(tab, "speak")
        now_first = await tab.evaluate("document.querySelector('#suggestions button').textContent")

    assert said["text"] == SENTENCES[0]
    assert now_first == SENTENCES[1]


async def test_a_call_is_made_and_ended_by_keys_alone(line: TalkLine) -> None:
    async with shown(line) as tab:
        await tab.press("Tab")
        assert await focused(tab) == "dial"
        await tab.press("Enter")
        dialled = await wished(tab, "dial")
        await tell(tab, *CALL[:3])
        stops = [await focused(tab)]
        for _ in range(3):
            await tab.press("Tab")
            stops.append(await focused(tab))
        await tab.press("Enter")
        said = await wished(tab, "speak")
        await tab.press("5")
        pressed = await wished(tab, "press")
        await tab.evaluate("document.getElementById('hang-up').focus()")
        await tab.press("Enter")
        await wished(tab, "hang_up")
        await tell(tab, OVER)
        await tab.until("document.activeElement.id === 'dial'")

    assert dialled == {"do": "dial", "caller": "+14155550123", "called": "+14155550100", "at": ""}
    assert stops == ["hang-up", SENTENCES[0], SENTENCES[1], SENTENCES[2]]
    assert said["text"] == SENTENCES[2]
    assert pressed["key"] == "5"


async def test_another_caller_number_and_time_can_be_chosen(line: TalkLine) -> None:
    async with shown(line) as tab:
        for name, value in (
            ("caller", "+14155550124"),
            ("called", "+1999"),
            ("at", "2026-11-29T20:00"),
        ):
            await tab.evaluate(
                f"{{ const it = document.getElementById({name!r}); it.value = {value!r};"
                " it.dispatchEvent(new Event('input', { bubbles: true })); }"
            )
        number = await tab.evaluate("document.getElementById('number').textContent")
        await tab.evaluate("document.getElementById('dial').click()")
        dialled = await wished(tab, "dial")

    assert number == "+1999"
    assert (dialled["caller"], dialled["called"]) == ("+14155550124", "+1999")
    assert dialled["at"] == "2026-11-29T20:00"


async def test_without_a_microphone_the_call_goes_on(line: TalkLine) -> None:
    async with shown(line) as tab:
        await call(tab, *CALL[:3])
        told = await tab.evaluate("document.getElementById('phrases-help').textContent")
        mute = await tab.evaluate("document.getElementById('mute').hidden")

    assert "lick a sentence" in told
    assert mute, "without a microphone there is nothing to mute"


async def test_a_draft_that_answers_is_named(line: TalkLine) -> None:
    async with shown(line) as tab:
        await call(tab, CallChanged("answered"), Answering("default", "abc", is_draft=True))
        words = await tab.evaluate("document.getElementById('answering').textContent")

    assert (
        words == "Agent default, revision abc draft because you're calling from a tester's number"
    )


async def test_the_agent_s_form_is_the_console_s(line: TalkLine) -> None:
    async with shown(line) as tab:
        bars = await tab.in_frame(AGENT, "document.querySelectorAll('nav').length")
        await tab.in_frame(AGENT, "document.getElementById('greeting').value = 'Good day.'")
        await tab.frame_leads_on(AGENT, "document.querySelector('[value=save]').click()")
        said = await tab.in_frame(AGENT, "document.querySelector('.said').textContent")
        problems = tab.problems
    stored = await line.store.read_agent(DEFAULT_AGENT_ID)
    assert stored is not None
    assert stored.document == {**DOCUMENT, "greeting": "Good day."}
    assert said == "Saved. The next call uses it."
    assert bars == 0, "the form in a frame shouldn't link to the console's other pages"
    assert problems == []


async def test_what_breaks_the_line_comes_last_and_is_closed(line: TalkLine) -> None:
    async with shown(line) as tab:
        for width, height, _ in LOOKS:
            await tab.resize(width, height)
            last = await tab.evaluate("document.querySelector('main').lastElementChild.id")
            closed = await tab.evaluate("!document.getElementById('failures').open")
            assert (last, closed) == ("failures", True)

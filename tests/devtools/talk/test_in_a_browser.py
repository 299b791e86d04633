"""A person talks to the line, with a real browser, real speech and all parts as processes."""

import asyncio
import datetime
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from devtools.gemini_stand_in import read_sessions
from devtools.judge import Sentence, judge
from devtools.talk.line import CALLER, NUMBER, TalkLine
from devtools.talk.server import serving
from simulators.speech.synthesis import synthesize
from tests.browser import CHROMIUM, Tab
from tests.devtools.talk.talking import (
    AGENT,
    PLAYED_HZ,
    Microphone,
    on_a_free_port,
    person,
    played,
    press,
    say,
    talk_running,
)

pytestmark = [
    pytest.mark.real_clock,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium. Install it: apt-get install chromium"),
    pytest.mark.timeout(180),
]

STATUS = "document.getElementById('status').textContent"
HELP = "document.getElementById('phrases-help').textContent"
TROUBLE = "document.getElementById('trouble-said').textContent"
GREETING = "Good day, this is the new line."


def shown(kind: str, words: str = "") -> str:
    """A JavaScript test for an item of that kind with these words in the transcript."""
    return (
        f"[...document.querySelectorAll('#transcript .{kind}')]"
        f".some((item) => item.textContent.toLowerCase().includes({words.lower()!r}))"
    )


def said(who: str, words: str) -> str:
    """A JavaScript test for a finished turn with these words in the transcript."""
    return shown(f"{who}:not(.saying)", words)


def turns(words: str) -> str:
    """A JavaScript count of the agent's turns with these words."""
    return (
        "[...document.querySelectorAll('#transcript .agent:not(.saying)')]"
        f".filter((turn) => turn.textContent.includes({words!r})).length"
    )


async def dial(tab: Tab) -> None:
    await tab.until("!document.getElementById('dial').disabled", within_s=20)
    await press(tab, "Call")


async def edit(tab: Tab) -> None:
    """Save a short greeting without a notice before it, the way operators would."""
    for field, text in (("notice", '""'), ("greeting", GREETING)):
        await tab.in_frame(AGENT, f"document.getElementById('{field}').value = {text!r}")
    await tab.frame_leads_on(AGENT, "document.querySelector('[value=save]').click()")
    assert "Saved." in await tab.in_frame(
        AGENT, "document.querySelector('.said')?.textContent ?? ''"
    )


@pytest.mark.real_time
async def test_a_call_from_the_browser(tmp_path: Path) -> None:
    """After an audible edit: a question, a tool, an interruption, the keypad, hanging up."""
    async with (
        talk_running(tmp_path) as url,
        person(url, tmp_path, Microphone.SPOKEN_INTO) as tab,
    ):
        await edit(tab)
        await dial(tab)
        await tab.until(shown("agent.saying", "Good day"))
        await tab.until(said("agent", GREETING))
        await say(tab, "When is my next delivery?")
        await tab.until(shown("caller.saying", "delivery"))
        await tab.until(said("agent", "account number"))
        await say(tab, "One two three four five six.")
        await tab.until(said("tool", "lookup_account"))
        await tab.until(said("agent", "next delivery with the family plan"))
        await say(tab, "Tell me a story.")
        await tab.until(shown("agent.saying", "rang in the morning"))
        await say(tab, "Can I type a number?")
        await tab.until(said("agent", "interrupted"))
        await tab.until(said("agent", "pound key"))
        for key in ("4", "2", "pound"):
            await press(tab, key)
        await tab.until(said("agent", "what you typed"), within_s=10)
        await press(tab, "Hang up")
        await tab.until(f"{STATUS}.includes('Call ended')", within_s=15)
        await tab.until("!document.getElementById('afterwards').hidden", within_s=15)
        assert not await tab.evaluate(shown("saying")), "the page still shows words as being said"
        heard = await played(tab)
        problems = tab.problems
        await tab.open(await tab.evaluate("document.getElementById('call-page').href"))
        assert (await tab.evaluate("document.title")).startswith("Call from")

    assert problems == []
    (session,) = read_sessions(tmp_path / "out/talk/model")
    whole = [
        Sentence(turn.text, turn.pcm, session.said_hz)
        for turn in session.turns
        if not turn.interrupted
    ]
    results = judge(whole, heard, rate_hz=PLAYED_HZ)
    assert len(results) >= 4
    assert [(heard.sentence, heard.why) for heard in results if not heard.ok] == []


@pytest.mark.real_time
async def test_a_call_survives_what_the_world_does_to_it(tmp_path: Path) -> None:
    """Press each button in turn; the call's next handler and session still know the number."""
    async with (
        talk_running(tmp_path) as url,
        person(url, tmp_path, Microphone.SPOKEN_INTO) as tab,
    ):
        await edit(tab)
        await dial(tab)
        await tab.until(said("agent", GREETING))
        await say(tab, "My account number is one two three four five six.")
        await tab.until(shown("agent.saying", "your next delivery"))
        await press(tab, "Kill the handler")
        await tab.until(said("agent", "not in the record"))
        await tab.until(f"{turns('I am back')} === 1")
        await asks_for_its_number(tab, 1)
        await press(tab, "Cut the connection")
        await tab.until(f"{turns('I am back')} === 2")
        await asks_for_its_number(tab, 2)
        await press(tab, "End the model's session")
        await asks_for_its_number(tab, 3)
        await say(tab, "Goodbye.")
        await tab.until(f"{STATUS}.includes('Call ended: hung up by <Hangup>')")
    assert len(read_sessions(tmp_path / "out/talk/model")) >= 4


async def asks_for_its_number(tab: Tab, times: int) -> None:
    """Wait until the agent has known the number this many times."""
    await say(tab, "What is my account number?")
    await tab.until(f"{turns('It is one two three four five six')} === {times}")


@pytest.mark.real_time
async def test_a_call_without_a_microphone(tmp_path: Path) -> None:
    """Both the person and the line hear clicked sentences; a ticked tool is called."""
    async with (
        talk_running(tmp_path) as url,
        person(url, tmp_path, Microphone.NONE) as tab,
    ):
        await tab.in_frame(
            AGENT, "document.querySelector('input[value=search_knowledge_base]').click()"
        )
        await edit(tab)
        await dial(tab)
        await tab.until(f"{HELP}.includes('No microphone found')")
        await tab.until(said("agent", GREETING))
        await press(tab, "hello when is my next delivery")
        await tab.until(said("agent", "account number"))
        await press(tab, "it is one two three four five six")
        await tab.until(said("tool", "lookup_account"))
        await tab.until(said("agent", "your next delivery"))
        await press(tab, "how do i pause my plan")
        await tab.until(said("tool", "search_knowledge_base answered"))
        await tab.until(said("agent", "found an article"))
        await press(tab, "goodbye")
        await tab.until(f"{STATUS}.includes('Call ended')", within_s=20)
        heard = await played(tab)
    sentence = synthesize("hello when is my next delivery", rate_hz=PLAYED_HZ)
    (own,) = judge([Sentence("", sentence, PLAYED_HZ)], heard, rate_hz=PLAYED_HZ, english=False)
    assert own.ok, own.why


async def test_a_photo_is_sent_from_the_callers_phone(tmp_path: Path) -> None:
    """Send a photo as anyone would try it: with clicks only, from the phone in the page's frame."""
    async with (
        talk_running(tmp_path) as url,
        person(url, tmp_path, Microphone.NONE) as tab,
    ):
        await tab.in_frame(AGENT, "document.querySelector('[name=photos]').click()")
        await edit(tab)
        await dial(tab)
        await tab.until(said("agent", GREETING))
        await press(tab, "can i send you a photo")
        await tab.until("!document.getElementById('mobile').hidden")
        assert "while we talk" in await tab.text()
        await press(tab, "Open the link")
        await tab.until(said("agent", "choose a photo"))
        await press(tab, "broken crate")
        await tab.until(said("agent", "a hole in it"))
        transcript = await tab.evaluate("document.getElementById('transcript').textContent")
        assert transcript.index("sent photo 1") < transcript.index("a hole in it")
        await press(tab, "Hang up")
        await tab.until(f"{STATUS}.includes('Call ended')", within_s=15)
        problems = tab.problems

    assert problems == []


@pytest.mark.real_time
async def test_a_call_at_another_time(tmp_path: Path) -> None:
    """On a Sunday the line is closed, which the caller hears; on a Saturday it is open."""
    async with (
        talk_running(tmp_path) as url,
        person(url, tmp_path, Microphone.NONE) as tab,
    ):
        await tab.in_frame(
            AGENT,
            "{ document.getElementById('has_opening_hours').click();"
            " for (const day of ['mon', 'tues', 'wednes', 'thurs', 'fri', 'satur'])"
            " document.getElementById(`opening_hours.${day}day`).value = '24h'; }",
        )
        await edit(tab)
        sunday = f"{next_sunday()}T20:00"
        await tab.evaluate(f"document.getElementById('at').value = {sunday!r}")
        await dial(tab)
        await tab.until(shown("notice", "closed"))
        await tab.until(f"{STATUS}.includes('Call ended')", within_s=20)
        saturday = f"{next_sunday() - datetime.timedelta(days=1)}T20:00"
        await tab.evaluate(f"document.getElementById('at').value = {saturday!r}")
        await dial(tab)
        await tab.until(said("agent", GREETING))
        await press(tab, "Hang up")


def next_sunday() -> datetime.date:
    """A Sunday that hasn't begun in any time zone."""
    soon = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=3)
    return soon + datetime.timedelta(days=6 - soon.weekday())


async def test_a_microphone_that_is_not_allowed(line: TalkLine, tmp_path: Path) -> None:
    """The call is placed anyway. This line has no parts to answer it."""
    async with (
        serving(line, on_a_free_port()) as url,
        person(url, tmp_path, Microphone.FORBIDDEN) as tab,
    ):
        await dial(tab)
        await tab.until(f'{HELP}.includes("doesn\'t let this page")', within_s=10)
        await tab.until(f"{STATUS}.includes('Call ended')", within_s=20)
        assert await tab.evaluate("document.activeElement.id") == "dial"


async def test_the_second_tab_is_told_of_the_first(line: TalkLine, tmp_path: Path) -> None:
    async with (
        serving(line, on_a_free_port()) as url,
        person(url, tmp_path, Microphone.SILENT) as tab,
    ):
        await tab.until("!document.getElementById('dial').disabled")
        address = f"ws{url.removeprefix('http')}line"
        async with connect(address, origin=url.rstrip("/")) as first:  # type: ignore[arg-type]
            await first.send(json.dumps({"do": "dial", "caller": CALLER, "called": NUMBER}))
            async with asyncio.timeout(5):
                while not line.busy:
                    await first.recv()
            await dial(tab)
            await refused(tab, "Another tab is using the telephone")


async def refused(tab: Tab, words: str) -> None:
    """Wait until the page says why, and check that the person can try again."""
    await tab.until(f"{TROUBLE}.includes({words!r})", within_s=10)
    await tab.until("!document.getElementById('dial').disabled", within_s=10)
    assert await tab.evaluate("document.getElementById('hang-up').disabled")
    assert await tab.evaluate("document.activeElement.id") == "dial"


@pytest.mark.real_time
async def test_a_line_that_goes_away_is_told(tmp_path: Path) -> None:
    async with AsyncExitStack() as talk:
        url = await talk.enter_async_context(talk_running(tmp_path))
        async with person(url, tmp_path, Microphone.SILENT) as tab:
            await dial(tab)
            await tab.until(f"{STATUS}.includes('Connected')", within_s=20)
            await talk.aclose()
            await tab.until(f"{STATUS}.includes('Lost the line')", within_s=10)
            assert await tab.evaluate("document.getElementById('dial').disabled")

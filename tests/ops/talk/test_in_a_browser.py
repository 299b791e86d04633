"""A person talks to the line: a real browser, real speech, every part a process of its own."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ops.gemini_stand_in import read_sessions
from ops.judge import Sentence, judge
from tests.browser import CHROMIUM, Tab
from tests.ops.talk.talking import (
    PLAYED_HZ,
    microphone_file,
    person,
    played,
    press,
    talk_running,
)

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.timeout(180),
]

STATUS = "document.getElementById('status').textContent"
TROUBLE = "document.getElementById('trouble-said').textContent"


def said(who: str, words: str) -> str:
    """Whether the transcript shows a turn with these words."""
    return (
        f"[...document.querySelectorAll('#transcript .{who}')]"
        f".some((turn) => turn.textContent.toLowerCase().includes({words.lower()!r}))"
    )


async def dial(tab: Tab) -> None:
    await tab.until("!document.getElementById('dial').disabled", within_s=20)
    await press(tab, "Dial")


async def test_a_call_from_the_browser(tmp_path: Path) -> None:
    microphone = microphone_file(
        tmp_path / "microphone.wav",
        [
            (11.0, "When is my next delivery?"),
            (17.0, "One two three four five six."),
            (29.0, "Tell me a story."),
            (36.0, "Sorry, how much does it cost?"),
        ],
    )
    async with (
        talk_running(tmp_path) as url,
        person(url, tmp_path, microphone) as tab,
    ):
        await dial(tab)
        await tab.until(said("agent", "demonstration line"), within_s=20)
        await tab.until(said("tool", "lookup_account"), within_s=25)
        await tab.until(said("agent", "next delivery with the family plan"), within_s=15)
        await tab.until(said("agent", "interrupted"), within_s=25)
        await tab.until(said("agent", "twenty dollars"), within_s=29)
        for key in ("4", "2", "pound"):
            await press(tab, key)
        await tab.until(said("agent", "what you typed"), within_s=10)
        await press(tab, "Hang up")
        await tab.until(f"{STATUS}.includes('over')", within_s=15)
        await tab.until("!document.getElementById('call-page').hidden", within_s=15)
        heard = await played(tab)
        problems = tab.problems
        await tab.open(await tab.evaluate("document.querySelector('#call-page a').href"))
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


async def test_an_edit_is_heard_in_the_next_call(tmp_path: Path) -> None:
    microphone = microphone_file(tmp_path / "microphone.wav", [])
    async with (
        talk_running(tmp_path) as url,
        person(url, tmp_path, microphone) as tab,
    ):
        await tab.until("!document.getElementById('save').disabled")
        await tab.evaluate(
            "{ const text = document.getElementById('agent-text');"
            " text.value = text.value.replace('Hello, this is the demonstration line',"
            " 'Good day, this is the new line'); }"
        )
        await press(tab, "Save")
        await tab.until("document.getElementById('agent-said').textContent.includes('Saved')")
        await dial(tab)
        await tab.until(said("agent", "Good day, this is the new line"), within_s=25)
        await press(tab, "Hang up")
        await tab.until(f"{STATUS}.includes('over')", within_s=15)


@pytest.mark.parametrize(
    ("there", "words"), [(False, "There is no microphone"), (True, "does not let this page")]
)
async def test_without_a_microphone_it_says_what_to_do(
    tmp_path: Path, there: bool, words: str
) -> None:
    """It is not there, or the person does not allow it."""
    microphone = microphone_file(tmp_path / "microphone.wav", []) if there else None
    async with (
        talk_running(tmp_path) as url,
        person(url, tmp_path, microphone, allowed=not there) as tab,
    ):
        await dial(tab)
        await tab.until(f"{TROUBLE}.includes({words!r})", within_s=10)
        assert await tab.evaluate("document.getElementById('hang-up').disabled")
        assert not await tab.evaluate("document.getElementById('dial').disabled")


async def test_a_line_that_goes_away_is_told(tmp_path: Path) -> None:
    microphone = microphone_file(tmp_path / "microphone.wav", [])
    async with AsyncExitStack() as talk:
        url = await talk.enter_async_context(talk_running(tmp_path))
        async with person(url, tmp_path, microphone) as tab:
            await dial(tab)
            await tab.until(f"{STATUS}.includes('Connected')", within_s=20)
            await talk.aclose()
            await tab.until(f"{STATUS}.includes('The line is gone')", within_s=10)
            assert await tab.evaluate("document.getElementById('dial').disabled")

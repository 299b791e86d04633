"""The page as a person meets it: a real browser, real keys, real sound."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from ringdown.calls import CallRecord, Speaker, Turn
from ringdown_cli.call_page import CallPage, Recording, call_page
from tests.browser import CHROMIUM, Tab, open_page
from tests.ringdown.samples import a_call, a_tool_call

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium. Install it: apt-get install chromium"
)

NASTY = (
    """</script><script>document.title = "taken"</script><img src="http://x.example/"> שלום 👋"""
)
CURRENT = """document.querySelector('[aria-current="true"] .said')?.textContent"""
FOCUSED = (
    """document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent"""
)
PLAYING = """!document.querySelector("audio").paused"""
PLACE_S = """Number(document.getElementById("seek").value) / 1000"""


def a_page(*, recorded: bool = True) -> CallPage:
    turns = (
        Turn(n=1, speaker=Speaker.AGENT, text="Hello.", start_ms=1_000, end_ms=2_000),
        Turn(n=2, speaker=Speaker.CALLER, text=NASTY, start_ms=3_000, end_ms=5_000),
        Turn(n=3, speaker=Speaker.AGENT, text="Oh.", start_ms=6_000, end_ms=7_000, reply_ms=700),
    )
    tool_call = a_tool_call("t1", start_ms=5_500)
    record = CallRecord(call=a_call(), claims=(), turns=turns, tool_calls=(tool_call,))
    silence = np.zeros(10 * 8_000, np.int16)
    recording = Recording(8_000, silence, silence) if recorded else None
    return CallPage(record, recording=recording, problems=[NASTY])


@asynccontextmanager
async def opened(page: CallPage, folder: Path) -> AsyncIterator[Tab]:
    file = folder / "call.html"
    await asyncio.to_thread(file.write_text, call_page(page), "utf-8")
    async with open_page(file.as_uri()) as tab:
        yield tab


async def test_what_a_caller_says_is_shown_and_nothing_more(tmp_path: Path) -> None:
    async with opened(a_page(), tmp_path) as tab:
        said = await tab.evaluate("document.querySelector('.entry.caller .said').textContent")
        title = await tab.evaluate("document.title")

    assert said == NASTY
    assert title.startswith("Call from …0123")
    assert tab.problems == []
    assert [url for url in tab.requests if not url.startswith(("file:", "blob:"))] == []


async def test_the_turn_that_plays_is_the_current_one(tmp_path: Path) -> None:
    async with opened(a_page(), tmp_path) as tab:
        before = await tab.evaluate(CURRENT)
        await tab.evaluate("document.querySelectorAll('.entry button')[1].focus()")
        await tab.press("Enter")
        assert (await tab.evaluate(PLAYING), await tab.evaluate(CURRENT)) == (True, NASTY)
        await tab.evaluate("document.activeElement.blur()")
        await tab.press(" ")
        assert await tab.evaluate(PLAYING) is False
        await tab.press(" ")
        assert await tab.evaluate(PLAYING) is True
        await tab.evaluate(
            "new Promise((done) => document.querySelector('audio').addEventListener('timeupdate',"
            " (event) => event.target.currentTime > 3.2 && done()))"
        )

    assert before is None, "nobody has spoken at the beginning"
    assert tab.problems == []


async def test_keys_lead_through_the_page(tmp_path: Path) -> None:
    async with opened(a_page(), tmp_path) as tab:
        stops = []
        for _ in range(4):
            await tab.press("Tab")
            stops.append(str(await tab.evaluate(FOCUSED)).strip())
        await tab.evaluate("document.querySelector('.entry button').focus()")
        await tab.press("ArrowDown")
        down = await tab.evaluate(FOCUSED)
        await tab.press("End")
        end = await tab.evaluate(FOCUSED)

    assert stops == ["Play", "Place in the call", "Play from 0:01, Agent", "Given and answered"]
    assert (down, end) == ("Play from 0:03, Caller", "Play from 0:06, Agent")


async def test_arrows_on_the_time_line_step_by_time_and_by_turn(tmp_path: Path) -> None:
    async with opened(a_page(), tmp_path) as tab:
        await tab.evaluate("document.getElementById('seek').focus()")
        places_s = []
        for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowUp", "ArrowLeft"):
            await tab.press(key)
            places_s.append(await tab.evaluate(PLACE_S))
        told = await tab.evaluate("document.activeElement.getAttribute('aria-valuetext')")

    assert places_s == [2, 3, 6, 3, 1]
    assert told == "0:01 of 0:10"


@pytest.mark.parametrize("recorded", [True, False])
async def test_a_click_on_the_wave_goes_there(tmp_path: Path, recorded: bool) -> None:
    async with opened(a_page(recorded=recorded), tmp_path) as tab:
        x, y = await tab.evaluate(
            "(({left, top, width, height}) => [left + 0.4 * width, top + height / 2])"
            "(document.querySelector('.lane.caller').getBoundingClientRect())"
        )
        await tab.click(x, y)
        place_s, current = await tab.evaluate(PLACE_S), await tab.evaluate(CURRENT)

    assert place_s == pytest.approx(4.0 if recorded else 2.8, abs=0.1)
    assert current == (NASTY if recorded else "Hello.")
    assert tab.problems == []


@pytest.mark.parametrize("width", [360, 768, 1280])
async def test_nothing_sticks_out_of_the_window(tmp_path: Path, width: int) -> None:
    async with opened(a_page(), tmp_path) as tab:
        await tab.resize(width, 760)
        wide = await tab.evaluate("document.documentElement.scrollWidth")

    assert wide <= width

"""The call page in a real browser, used with real keys and real sound."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from ringdown.call_page import (
    Arrival,
    CallPage,
    Moment,
    MomentKind,
    Recording,
    call_page,
)
from ringdown.calls import CallRecord, Speaker, Turn
from tests.browser import CHROMIUM, Tab, open_page
from tests.pages import assert_shown_well
from tests.ringdown.samples import NOW, a_call, a_tool_call

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
PLACE_S = """Number(document.querySelector(".seek").value) / 1000"""
FOLDED = """!document.getElementById("folded").hidden"""


def a_page(*, recorded: bool = True, lines: int = 0) -> CallPage:
    """A call's page, with `lines` more turns after the first three."""
    more = (
        Turn(n=n, speaker=Speaker.AGENT, text="And so on.", start_ms=8_000, end_ms=8_000)
        for n in range(4, 4 + lines)
    )
    turns = (
        Turn(n=1, speaker=Speaker.AGENT, text="Hello.", start_ms=1_000, end_ms=2_000),
        Turn(n=2, speaker=Speaker.CALLER, text=NASTY, start_ms=3_000, end_ms=5_000),
        Turn(n=3, speaker=Speaker.AGENT, text="Oh.", start_ms=6_000, end_ms=7_000, reply_ms=700),
        *more,
    )
    tool_call = a_tool_call("t1", start_ms=5_500)
    call = replace(a_call(), started_at=NOW, is_draft=True, take_ups=(NOW,))
    record = CallRecord(call=call, claims=(), turns=turns, tool_calls=(tool_call,))
    if not recorded:
        return CallPage(record, problems=[NASTY])
    silence = np.zeros(10 * 8_000, np.int16)
    return CallPage(
        record,
        recording=Recording(8_000, silence, silence),
        moments=[
            Moment(MomentKind.CLEAR, 6_500, NASTY),
            Moment(MomentKind.FAULT, 6_600, NASTY),
            Moment(MomentKind.STREAM_END, 10_000, NASTY),
        ],
        heard_by_caller=[Arrival("Hello.", True, NASTY), Arrival(NASTY, False, NASTY)],
        problems=[NASTY],
    )


@asynccontextmanager
async def opened(page: CallPage, folder: Path, at: str = "") -> AsyncIterator[Tab]:
    file = folder / "call.html"
    await asyncio.to_thread(file.write_text, call_page(page), "utf-8")
    async with open_page(file.as_uri() + at) as tab:
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
        await tab.evaluate("document.querySelectorAll('.entry button')[2].focus()")
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

    assert before is None, "no turn is current while the call is silent"
    assert tab.problems == []


async def test_keys_lead_through_the_page(tmp_path: Path) -> None:
    async with opened(a_page(), tmp_path) as tab:
        stops = []
        for _ in range(6):
            await tab.press("Tab")
            stops.append(str(await tab.evaluate(FOCUSED)).strip())
        await tab.evaluate("document.querySelector('.entry button').focus()")
        await tab.press("ArrowDown")
        down = await tab.evaluate(FOCUSED)
        await tab.press("End")
        end = await tab.evaluate(FOCUSED)

    assert stops == [
        "Play",
        "Speed: 1×",
        "Position in the call",
        "Copy transcript",
        "Play from 0:00, Line",
        "Request and result",
    ]
    assert (down, end) == ("Play from 0:01, Agent", "Play from 0:06, Agent")


async def test_arrows_on_the_time_line_step_by_time_and_by_turn(tmp_path: Path) -> None:
    async with opened(a_page(), tmp_path) as tab:
        await tab.evaluate("document.querySelector('.seek').focus()")
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


async def test_the_address_leads_to_a_place_and_says_where_one_is(tmp_path: Path) -> None:
    async with opened(a_page(), tmp_path, at="#t=3.5") as tab:
        led_to = await tab.evaluate(PLACE_S), await tab.evaluate(CURRENT)
        await tab.evaluate("location.hash = '#t=0:06'")
        await tab.until(f"{PLACE_S} === 6")
        await tab.evaluate("document.querySelectorAll('.entry button')[1].click()")
        address = await tab.evaluate("location.hash")

    assert led_to == (3.5, NASTY)
    assert address == "#t=1"


@pytest.mark.parametrize("at", ["#t=<b>", "#t=-1", "#t=1e99", "#t=99999", "#nothing"])
async def test_an_address_that_leads_nowhere_does_no_harm(tmp_path: Path, at: str) -> None:
    async with opened(a_page(), tmp_path, at=at) as tab:
        place_s = await tab.evaluate(PLACE_S)

    assert place_s == (10 if at == "#t=99999" else 0)
    assert tab.problems == []


async def test_the_call_can_be_played_faster(tmp_path: Path) -> None:
    async with opened(a_page(), tmp_path) as tab:
        speeds = []
        for _ in range(3):
            await tab.evaluate("document.getElementById('speed').click()")
            speeds.append(await tab.evaluate("document.querySelector('audio').playbackRate"))
        named = await tab.evaluate("document.getElementById('speed').getAttribute('aria-label')")

    assert speeds == [1.5, 2, 1]
    assert named == "Speed: 1×"


@pytest.mark.parametrize("recorded", [True, False])
async def test_the_player_folds_when_it_is_out_of_sight(tmp_path: Path, recorded: bool) -> None:
    async with opened(a_page(recorded=recorded, lines=40), tmp_path) as tab:
        assert await tab.evaluate(FOLDED) is False
        await tab.evaluate("scrollTo(0, document.body.scrollHeight)")
        await tab.until(FOLDED)
        height = await tab.evaluate("document.getElementById('folded').offsetHeight")
        await tab.evaluate("document.querySelector('#folded .seek').focus()")
        await tab.press("ArrowRight")
        place_s = await tab.evaluate(PLACE_S)
        await tab.evaluate("scrollTo(0, 0)")
        await tab.until(f"!({FOLDED})")

    assert height <= 56
    assert place_s == 2


async def test_the_transcript_can_be_copied(tmp_path: Path) -> None:
    async with opened(a_page(), tmp_path) as tab:
        await tab.evaluate(
            "navigator.clipboard.writeText = async (text) => { window.copied = text; }"
        )
        await tab.evaluate("document.getElementById('copy').click()")
        await tab.until("document.getElementById('copied').textContent === 'Copied.'")
        lines = (await tab.evaluate("window.copied")).splitlines()

    assert lines[0].startswith("Call from …0123, 2 November 2026")
    assert "0:01  Agent: Hello." in lines
    assert f"0:03  Caller: {NASTY}" in lines


async def test_a_browser_that_forbids_copying_selects_the_transcript(tmp_path: Path) -> None:
    async with opened(a_page(), tmp_path) as tab:
        await tab.evaluate("navigator.clipboard.writeText = async () => { throw new Error('no'); }")
        await tab.evaluate("document.getElementById('copy').click()")
        await tab.until("document.getElementById('copied').textContent.includes('is selected')")
        selected = await tab.evaluate("getSelection().toString()")

    assert "Hello." in selected


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ("<p style='color: #ccc; background: #fff'>pale</p>", "color-contrast"),
        ("<button></button>", "button-name"),
        ("<p style='width: 3000px'>wide</p>", "outside the window"),
    ],
)
async def test_a_page_that_is_not_shown_well_is_found(
    tmp_path: Path, mistake: str, told: str
) -> None:
    async with opened(a_page(), tmp_path) as tab:
        await tab.evaluate(f"document.querySelector('main').innerHTML += {mistake!r}")
        with pytest.raises(AssertionError, match=told):
            await assert_shown_well(tab, scrolls="#scroller")


@pytest.mark.parametrize("recorded", [True, False])
async def test_it_is_shown_well(tmp_path: Path, recorded: bool) -> None:
    async with opened(a_page(recorded=recorded, lines=20), tmp_path) as tab:
        await tab.evaluate(
            "document.querySelectorAll('details').forEach((it) => { it.open = true; })"
        )
        await assert_shown_well(tab, scrolls="#scroller")
        await tab.evaluate("scrollTo(0, document.body.scrollHeight)")
        await tab.until(FOLDED)
        await assert_shown_well(tab, scrolls="#scroller")


async def test_a_time_line_that_fits_does_not_scroll(tmp_path: Path) -> None:
    async with opened(a_page(), tmp_path) as tab:
        beyond = await tab.evaluate(
            "document.getElementById('scroller').scrollWidth"
            " - document.getElementById('scroller').clientWidth"
        )

    assert beyond == 0

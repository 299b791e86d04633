"""The rehearsal report in a real browser, used with real keys and real sound."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ringdown.rehearsal_page import rehearsal_page
from ringdown.rehearsals.report import Report
from tests.browser import CHROMIUM, Tab, open_page
from tests.pages import assert_shown_well, picture
from tests.ringdown.rehearsals.reports import a_recording, a_report

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium. Install it: apt-get install chromium"
)
SCROLLS = ".scroll"
OPEN_ALL = "document.querySelectorAll('details').forEach((it) => { it.open = true; })"
FOCUSED = "document.activeElement"


@asynccontextmanager
async def opened(report: Report, folder: Path) -> AsyncIterator[Tab]:
    file = folder / "report.html"
    recordings = {(run.persona.name, run.run): a_recording() for run in report.runs}
    await asyncio.to_thread(file.write_text, rehearsal_page(report, recordings), "utf-8")
    async with open_page(file.as_uri()) as tab:
        yield tab


async def test_it_is_shown_well(tmp_path: Path, pictures: Path) -> None:
    async with opened(a_report(), tmp_path) as tab:
        await picture(tab, pictures / "rehearsal.png")
        await tab.evaluate(OPEN_ALL)
        await assert_shown_well(tab, scrolls=SCROLLS)

    assert tab.problems == []
    assert [url for url in tab.requests if not url.startswith(("file:", "blob:", "data:"))] == []


async def test_a_partial_rehearsal_by_a_stand_in_is_shown_well(tmp_path: Path) -> None:
    report = a_report(is_stand_in=True, partial="It was stopped.", compared=False)
    async with opened(report, tmp_path) as tab:
        chips = await tab.evaluate("document.querySelector('.chips').innerText")
        proves = await tab.evaluate("document.querySelector('.proves').innerText")
        await assert_shown_well(tab, scrolls=SCROLLS)

    assert [each for each in ("draft", "partial", "stand-in") if each not in chips] == []
    assert "not the prompt" in proves


async def test_a_call_is_opened_and_heard_with_keys_alone(tmp_path: Path) -> None:
    async with opened(a_report(), tmp_path) as tab:
        for _ in range(20):
            await tab.press("Tab")
            if await tab.evaluate(f"{FOCUSED}.innerText?.startsWith('Call 4')"):
                break
        await tab.press("Enter")
        await tab.until(f"{FOCUSED}.closest('details').open")
        await tab.until(f"{FOCUSED}.closest('details').querySelector('audio').duration === 3")
        unopened = await tab.evaluate("document.querySelectorAll('audio[data-packed]').length")
        await tab.press("Tab")
        assert await tab.evaluate(f"{FOCUSED}.tagName") == "AUDIO"
        await tab.press(" ")
        await tab.until(f"!{FOCUSED}.paused && {FOCUSED}.currentTime > 0.2")

    assert unopened == 11, "recordings that weren't opened must stay packed"
    assert tab.problems == []


async def test_the_table_leads_to_a_persona(tmp_path: Path) -> None:
    async with opened(a_report(), tmp_path) as tab:
        await tab.evaluate("document.querySelector('a[href=\"#persona-interrupts\"]').focus()")
        await tab.press("Enter")
        await tab.until("location.hash === '#persona-interrupts'")
        top = await tab.evaluate(
            "document.getElementById('persona-interrupts').getBoundingClientRect().top"
        )

    assert 0 <= top < 900

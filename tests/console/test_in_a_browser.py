"""The console as people use it: a real browser, real keys, every size and colour scheme."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from console.people import PEOPLE
from ringdown.calls import CallChanges, CallStatus
from ringdown.rehearsals import Verdict
from ringdown.stores import open_store
from tests.browser import CHROMIUM, Tab, open_page
from tests.console.site import Site, running_site
from tests.console.stored import (
    NOW,
    SHOP,
    conversation,
    furnish,
    lookup,
    rehearse_draft,
    save_agent,
    save_call,
    sid,
)
from tests.pages import assert_shown_well, picture
from tests.ringdown.rehearsals.samples import a_run

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium. Install it: apt-get install chromium"
)
REHEARSAL = "20261126T154000Z-abc123"
PAGES = {
    "home": "/",
    "calls": "/calls",
    "calls by outcome": "/calls?outcome=any",
    "outcomes": "/calls/outcomes",
    "outcomes by agent": "/calls/outcomes?by=agent",
    "call": f"/calls/{sid(1)}",
    "agents": "/agents",
    "agent": "/agents/shop",
    "agent as YAML": "/agents/shop?as=yaml",
    "draft": "/agents/shop/draft",
    "publishing": "/agents/shop/publish",
    "rehearsal": f"/agents/shop/rehearsals/{REHEARSAL}",
    "history": "/agents/shop/history",
    "numbers": "/numbers?agent=shop&at=2026-11-29T20:00",
    "callers": "/callers",
    "costs": "/costs",
    "costs by number": "/costs?by=number",
    "people": "/people",
    "no page": "/nothing-here",
}
PICTURES = {
    "home": "console-home",
    "agent": "console-agent",
    "people": "console-people",
    "publishing": "console-publish",
}
SCROLLS = ".scroll, #scroller"
NASTY = (
    """</script></textarea><script>document.title = "taken"</script>"""
    """<img src=x onerror="document.title='taken'">'"&"""
)
SAID = "document.querySelector('.said')?.textContent"
OPEN_ALL = "document.querySelectorAll('details').forEach((d) => d.open = true)"
ENTRIES = "document.querySelectorAll('.entry').length"
FOCUSED = "document.activeElement"


@asynccontextmanager
async def opened(site: Site, path: str) -> AsyncIterator[Tab]:
    async with open_page(f"{site.url}{path}") as tab:
        yield tab


@pytest.mark.parametrize("name", PAGES)
async def test_a_page_looks_well_in_every_size_and_colour(
    site: Site, name: str, pictures: Path
) -> None:
    async with opened(site, PAGES[name]) as tab:
        await tab.evaluate(OPEN_ALL)
        await assert_shown_well(tab, scrolls=SCROLLS)
        if name in PICTURES:
            await tab.evaluate(
                "document.querySelectorAll('details').forEach((d) => d.open = false)"
            )
            await tab.open(f"{site.url}{PAGES[name]}")
            await picture(tab, pictures / f"{PICTURES[name]}.png")

    expected = 404 if name == "no page" else 0
    problems = [problem for problem in tab.problems if f"status of {expected} " not in problem]
    assert problems == []
    assert [url for url in tab.requests if not url.startswith((site.url, "data:"))] == []


@pytest.fixture
async def nasty_site(tmp_path: Path) -> AsyncIterator[Site]:
    """A site whose callers, models, tools and operators all try to run a script."""
    async with open_store(f"sqlite:{tmp_path / 'ringdown.db'}") as store:
        await furnish(store)
        turns = [msgspec.structs.replace(turn, text=NASTY) for turn in conversation()]
        tool = msgspec.structs.replace(
            lookup(), name=NASTY, args={NASTY: NASTY}, output={NASTY: NASTY}
        )
        caller = f"sip:{NASTY}@x"
        await save_call(
            store, 77, caller=caller, reason=None, turns=tuple(turns), tool_calls=(tool,)
        )
        nasty = {
            **SHOP,
            "instructions": NASTY.replace("{", "").replace("}", ""),
            "greeting": NASTY,
            "voice": NASTY,
            "tools": [NASTY],
            NASTY: NASTY,
        }
        await save_agent(store, nasty)
        await save_agent(store, {**nasty, "voice": "Kore"}, draft=True)
        failed = Verdict(kind="heard", passed=False, what=NASTY, why=NASTY, quote=NASTY)
        await rehearse_draft(store, msgspec.structs.replace(a_run(), verdicts=(failed,)))
        await store.write_number("+14155550155", NASTY)
        await store.block_caller(caller, True)
        people = {"roles": {NASTY: "editor"}, "edits": [{"at": NOW, "by": NASTY, "what": NASTY}]}
        await store.documents.write(PEOPLE, people)
        async with running_site(store) as site:
            yield site


@pytest.mark.parametrize("path", [*PAGES.values(), f"/calls/{sid(77)}", f"/calls?like={sid(77)}"])
async def test_what_people_say_never_runs(nasty_site: Site, path: str) -> None:
    async with opened(nasty_site, path) as tab:
        title = await tab.evaluate("document.title")
        images = await tab.evaluate("document.querySelectorAll('img').length")

    assert "taken" not in title
    assert images == 0
    assert [problem for problem in tab.problems if "status of 404" not in problem] == []


async def test_what_a_caller_said_is_shown_as_it_was_said(nasty_site: Site) -> None:
    async with opened(nasty_site, f"/calls/{sid(77)}") as tab:
        said = await tab.evaluate("document.querySelector('.entry.caller .said').textContent")
    async with opened(nasty_site, "/agents/shop") as tab:
        greeting = await tab.evaluate("document.getElementById('greeting').value")

    assert said == NASTY
    assert greeting == NASTY


# Without a mouse


async def press_until(tab: Tab, condition: str, *, most: int = 60) -> None:
    for _ in range(most):
        await tab.press("Tab")
        if await tab.evaluate(condition):
            return
    raise AssertionError(f"pressed Tab {most} times without reaching {condition}")


async def type_text(tab: Tab, text: str) -> None:
    await tab.tell("Input.insertText", text=text)


async def test_an_agent_is_edited_and_saved_with_keys_alone(site: Site) -> None:
    async with opened(site, "/agents/shop") as tab:
        await press_until(tab, f"{FOCUSED}.id === 'greeting'")
        await tab.evaluate(f"{FOCUSED}.select()")
        await type_text(tab, "Good day.")
        await tab.until("!document.getElementById('preview').hidden")
        preview = await tab.evaluate("document.querySelector('#preview pre').textContent")
        await press_until(tab, f"{FOCUSED}.id === 'why'", most=90)
        await type_text(tab, "friendlier")
        await tab.leads_on(tab.press("Enter"))
        said = await tab.evaluate(SAID)

    agent = await site.store.read_agent("shop")
    assert agent is not None
    assert agent.document["greeting"] == "Good day."
    assert "+greeting: Good day." in preview
    assert said == "Saved. The next call uses it."


async def test_the_other_view_and_saving_lose_nothing(site: Site) -> None:
    """The link to the YAML view keeps unsaved edits; Ctrl-S saves them."""
    async with opened(site, "/agents/shop") as tab:
        await tab.evaluate("document.getElementById('greeting').value = 'Good day.'")
        await tab.leads_on(tab.evaluate("document.getElementById('turn').click()"))
        text = await tab.evaluate("document.getElementById('text').value")
        await tab.until("!document.getElementById('preview').hidden")
        await tab.leads_on(
            tab.evaluate("dispatchEvent(new KeyboardEvent('keydown', { key: 's', ctrlKey: true }))")
        )
        said = await tab.evaluate(SAID)

    agent = await site.store.read_agent("shop")
    assert agent is not None
    assert agent.document["greeting"] == "Good day."
    assert "greeting: Good day." in text
    assert said == "Saved. The next call uses it."


async def test_the_first_tab_leads_past_the_bar(site: Site) -> None:
    async with opened(site, "/calls") as tab:
        await tab.press("Tab")
        first = await tab.evaluate(f"{FOCUSED}.textContent")
        await tab.press("Enter")
        await tab.press("Tab")
        inside = await tab.evaluate(f"{FOCUSED}.closest('main') !== null")

    assert first == "Skip to content"
    assert inside


async def test_a_caller_is_blocked_with_keys_alone(site: Site) -> None:
    async with opened(site, f"/calls/{sid(1)}") as tab:
        await press_until(tab, f"{FOCUSED}.textContent === 'Block caller'")
        await tab.leads_on(tab.press("Enter"))
        said = await tab.evaluate(SAID)

    assert said.startswith("Blocked.")
    assert (await site.store.read_caller("+14155550123")).blocked


async def test_somebody_is_named_with_keys_alone(site: Site) -> None:
    async with opened(site, "/people") as tab:
        await press_until(tab, f"{FOCUSED}.ariaLabel === 'Someone else'")
        await type_text(tab, "eve@example.com")
        await press_until(tab, f"{FOCUSED}.id === 'why'")
        await type_text(tab, "helps out")
        await tab.leads_on(tab.press("Enter"))
        said = await tab.evaluate(SAID)
        history = await tab.evaluate("document.querySelector('.history').textContent")

    assert said == "Saved. It takes effect on the next page load."
    assert "eve@example.com: no access → viewer" in history


async def test_what_is_refused_of_people_looks_well(site: Site) -> None:
    async with opened(site, "/people") as anna, opened(site, "/people") as ben:
        await anna.evaluate("document.querySelectorAll('select')[2].value = 'editor'")
        await ben.evaluate("document.querySelectorAll('select')[2].value = ''")
        for tab in (ben, anna):
            await tab.leads_on(tab.evaluate("document.querySelector('.save button').click()"))
        conflict = await anna.text()
        await assert_shown_well(anna, scrolls=SCROLLS)
        await anna.evaluate("document.querySelectorAll('select')[0].value = ''")
        await anna.evaluate("document.querySelectorAll('select')[1].value = ''")
        await anna.evaluate("document.querySelectorAll('select')[2].value = 'viewer'")
        await anna.leads_on(anna.evaluate("document.querySelector('.save button').click()"))
        refused = await anna.text()
        await assert_shown_well(anna, scrolls=SCROLLS)

    assert "vera@example.com: theirs" in conflict
    assert "This leaves no editor" in refused


async def test_a_draft_with_a_bad_rehearsal_is_published_anyway_with_keys_alone(
    site: Site,
) -> None:
    async with opened(site, "/agents/shop/publish") as tab:
        await press_until(tab, f"{FOCUSED}.textContent === 'All calls of this rehearsal'")
        await press_until(tab, f"{FOCUSED}.textContent === 'Publish anyway'")
        await tab.leads_on(tab.press("Enter"))
        said = await tab.evaluate(SAID)

    assert said == "Published. The next call uses it."


# While typing


async def test_a_mistake_is_shown_beside_its_field_while_it_is_made(site: Site) -> None:
    async with opened(site, "/agents/shop") as tab:
        await tab.evaluate("document.getElementById('max_call_s').closest('details').open = true")
        await tab.evaluate("document.getElementById('max_call_s').focus()")
        await type_text(tab, "soon")
        shown = "document.getElementById('max_call_s-problems')"
        await tab.until(f"{shown}.textContent.trim() !== ''")
        invalid = await tab.evaluate("document.getElementById('max_call_s').ariaInvalid")

    assert invalid == "true"


async def test_a_pill_puts_its_field_where_the_cursor_is(site: Site) -> None:
    async with opened(site, "/agents/shop") as tab:
        await tab.evaluate("document.getElementById('instructions').setSelectionRange(3, 3)")
        await tab.evaluate("document.querySelector('[data-insert=\"{local_time}\"]').click()")
        text = await tab.evaluate("document.getElementById('instructions').value")

    assert text.startswith("You{local_time} sell flowers.")


async def test_two_people_see_each_others_text(site: Site) -> None:
    async with opened(site, "/agents/shop") as anna, opened(site, "/agents/shop") as ben:
        for tab, hello in ((ben, "Ben's hello."), (anna, "Anna's hello.")):
            await tab.evaluate(f"document.getElementById('greeting').value = \"{hello}\"")
            await tab.leads_on(tab.evaluate("document.querySelector('[value=save]').click()"))
        conflict = await anna.text()
        await anna.evaluate(OPEN_ALL)
        await assert_shown_well(anna, scrolls=SCROLLS)

    assert "Someone else saved this while you were editing" in conflict
    assert "greeting: Ben's hello." in conflict
    assert "greeting: Anna's hello." in conflict


async def test_a_live_call_is_followed_until_it_is_over(site: Site) -> None:
    changes = CallChanges(turns=conversation(), status=CallStatus.ENDED, ended_at=NOW)
    async with opened(site, f"/calls/{sid(900)}") as tab:
        before = await tab.evaluate(ENTRIES)
        await tab.leads_on(site.store.save(sid(900), 1, changes))
        after = await tab.evaluate(ENTRIES)
        live = await tab.evaluate("document.querySelector('script[src$=\"live.js\"]') !== null")

    assert before == 2
    assert after == len(conversation())
    assert not live

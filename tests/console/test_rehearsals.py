"""A draft's rehearsal, on the page that publishes it and on a separate page."""

from tests.console.site import Site
from tests.console.stored import SHOP, rehearse_draft, save_agent
from tests.ringdown.rehearsals.reports import good_runs, judged, mixed_runs
from tests.ringdown.rehearsals.samples import a_run

PUBLISH = "/agents/shop/publish"


async def test_publishing_shows_the_last_rehearsal_and_why_not_to(site: Site) -> None:
    page = await site.page(PUBLISH)
    assert "Last rehearsal, 26 November 2026, 15:40 UTC: 1 persona, 3 of 6 calls passed" in page
    assert "wants-a-callback fails: end_call is called once." in page
    assert ">Publish anyway</button>" in page


async def test_a_good_rehearsal_raises_no_doubt(site: Site) -> None:
    await rehearse_draft(site.store, *good_runs())
    page = await site.page(PUBLISH)
    assert "5 of 5 calls passed (57–100 %)." in page
    assert ">Publish</button>" in page


async def test_an_edit_after_the_rehearsal_is_told(site: Site) -> None:
    await save_agent(site.store, {**SHOP, "voice": "Leda"}, draft=True)
    page = await site.page(PUBLISH)
    assert "was of an earlier version of this draft." in page
    assert "ringdown agents rehearse shop --draft" in page
    assert ">Publish anyway</button>" in page


async def test_a_draft_that_cannot_answer_is_not_judged(site: Site) -> None:
    broken = {**SHOP, "voice": "Korr"}
    before = await site.store.read_agent("shop", draft=True)
    assert before is not None
    await site.store.write_agent("shop", broken, over=before.version, draft=True)
    assert "rehearsal" not in (await site.page(PUBLISH)).lower()


async def test_its_report_has_every_call(site: Site) -> None:
    rehearsal = await rehearse_draft(site.store, *mixed_runs())
    page = await site.page(f"/agents/shop/rehearsals/{rehearsal.id}")
    assert "Rehearsal of shop" in page
    assert page.count('<details class="run') == 7
    assert "It was called with" in page or "It was never called." in page
    assert "<audio" not in page
    assert "<script" not in page


async def test_there_is_no_report_of_another_agents_rehearsal_or_of_none(site: Site) -> None:
    rehearsal = await rehearse_draft(site.store, judged(a_run()))
    for path in (f"/agents/default/rehearsals/{rehearsal.id}", "/agents/shop/rehearsals/none"):
        response = await site.get(path)
        assert response.status_code == 404
        assert "Rehearsal of" in response.text

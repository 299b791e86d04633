"""Editing an agent on its page: saving, refusals, drafts, publishing, restoring, conflicts."""

import pytest

from ringdown.agents.store import StoredAgent
from ringdown.calls.answering import answering
from tests.console.site import Site, forms, with_changes
from tests.console.stored import SHOP, SHOP_NUMBER, save_agent
from tests.ringdown.samples import CALLER

SOMEBODY = "+14155550111"


async def stored(site: Site, agent_id: str = "shop", *, draft: bool = False) -> StoredAgent:
    agent = await site.store.read_agent(agent_id, draft=draft)
    assert agent is not None
    return agent


async def answers(site: Site, caller: str = SOMEBODY) -> str:
    """The greeting that this caller hears next."""
    answer = await answering(site.store, SHOP_NUMBER, caller)
    assert answer is not None
    return answer.agent.greeting


async def test_the_list_says_which_agent_answers_what(site: Site) -> None:
    await save_agent(site.store, {**SHOP, "voice": "Korr"}, agent_id="night")
    page = await site.page("/agents")

    assert SHOP_NUMBER in page
    assert "every other number" in page
    assert "broken: voice" in page


async def test_what_is_saved_answers_the_next_call(site: Site) -> None:
    response = await site.send(
        "/agents/shop", changes={"greeting": "Good day.", "why": "friendlier", "action": "save"}
    )

    assert response.headers["location"] == "/agents/shop?said=saved"
    assert (await stored(site)).document == {**SHOP, "greeting": "Good day."}
    assert await answers(site) == "Good day."


async def test_who_and_why_are_in_the_history(site: Site) -> None:
    await site.send("/agents/shop", changes={"greeting": "Good day.", "why": "friendlier"})
    page = await site.page("/agents/shop/history")

    assert "anna" in page
    assert "“friendlier”" in page
    assert "greeting: &#34;Hello, the flower shop.&#34; → &#34;Good day.&#34;" in page


async def test_a_form_that_nobody_touched_changes_nothing(site: Site) -> None:
    before = await stored(site)
    response = await site.send("/agents/shop")

    assert response.headers["location"] == "/agents/shop?said=unchanged"
    assert await stored(site) == before


async def test_what_cannot_answer_is_not_saved_and_not_lost(site: Site) -> None:
    response = await site.send(
        "/agents/shop", changes={"voice": "Korr", "greeting": "Good day.", "why": "a new voice"}
    )
    again = dict(forms(response.text)["/agents/shop"])

    assert response.status_code == 422
    assert "Did you mean Kore?" in response.text
    assert (again["voice"], again["greeting"], again["why"]) == ("Korr", "Good day.", "a new voice")
    assert (await stored(site)).document == SHOP


async def test_what_was_refused_can_be_corrected_and_saved(site: Site) -> None:
    response = await site.send("/agents/shop", changes={"voice": "Korr", "greeting": "Good day."})
    again = with_changes(forms(response.text)["/agents/shop"], {"voice": "Puck"})
    await site.post("/agents/shop", again)

    assert (await stored(site)).document == {**SHOP, "greeting": "Good day.", "voice": "Puck"}


async def test_the_document_can_be_edited_as_yaml(site: Site) -> None:
    text = "greeting: Good day.\ninstructions: Be brief.\n"
    response = await site.send("/agents/shop?as=yaml", changes={"text": text}, form="/agents/shop")

    assert response.status_code == 303
    assert (await stored(site)).document == {
        "greeting": "Good day.",
        "instructions": "Be brief.",
    }


async def test_yaml_that_cannot_be_read_is_not_lost(site: Site) -> None:
    text = "greeting: Good: day.\n"
    response = await site.send("/agents/shop?as=yaml", changes={"text": text}, form="/agents/shop")

    assert response.status_code == 422
    assert "Line 1 cannot be read" in response.text
    assert dict(forms(response.text)["/agents/shop"])["text"].replace("\r\n", "\n") == text


async def test_the_other_view_shows_what_is_not_saved_yet(site: Site) -> None:
    as_yaml = await site.send("/agents/shop", changes={"greeting": "Good day.", "action": "turn"})
    pairs = forms(as_yaml.text)["/agents/shop"]
    text = dict(pairs)["text"].replace("Good", "Fine")
    as_form = await site.post("/agents/shop", with_changes(pairs, {"text": text, "action": "turn"}))
    saved = await site.post("/agents/shop", forms(as_form.text)["/agents/shop"])

    assert (as_yaml.status_code, as_form.status_code) == (200, 200)
    assert "greeting: Good day." in dict(pairs)["text"]
    assert saved.status_code == 303
    assert (await stored(site)).document == {**SHOP, "greeting": "Fine day."}


async def test_yaml_that_cannot_be_read_becomes_no_form(site: Site) -> None:
    changes = {"text": "greeting: [", "action": "turn"}
    response = await site.send("/agents/shop?as=yaml", changes=changes, form="/agents/shop")

    assert response.status_code == 422
    assert dict(forms(response.text)["/agents/shop"])["text"] == "greeting: ["


async def test_a_field_that_nobody_knows_is_saved_only_if_it_is_meant(site: Site) -> None:
    text = "greeting: Good day.\ninstructions: Be brief.\ngreating: Hi.\n"
    changes = {"text": text}
    asked = await site.send("/agents/shop?as=yaml", changes=changes, form="/agents/shop")
    pairs = forms(asked.text)["/agents/shop"]
    saved = await site.post("/agents/shop", [*pairs, ("anyway", "yes")])

    assert asked.status_code == 422
    assert "did you mean greeting" in asked.text.lower()
    assert saved.status_code == 303


# Two people editing


async def test_two_edits_at_once_are_both_shown_and_neither_is_lost(site: Site) -> None:
    """Ben saves while Anna is still editing, and one of three fields was changed by both."""
    annas = forms(await site.page("/agents/shop"))["/agents/shop"]
    await site.send("/agents/shop", changes={"greeting": "Ben's hello.", "voice": "Puck"})

    mine = with_changes(annas, {"greeting": "Anna's hello.", "language": "en-GB"})
    conflict = await site.post("/agents/shop", mine)

    assert conflict.status_code == 409
    assert "Someone else saved this" in conflict.text
    assert "greeting: Ben&#39;s hello." in conflict.text
    assert "greeting: Anna&#39;s hello." in conflict.text
    assert (await stored(site)).document["greeting"] == "Ben's hello."

    merged = forms(conflict.text)["/agents/shop"]
    saved = await site.post("/agents/shop", merged)

    assert saved.status_code == 303
    assert (await stored(site)).document == {
        **SHOP,
        "greeting": "Anna's hello.",
        "voice": "Puck",
        "language": "en-GB",
    }


async def test_an_edit_in_firestores_console_is_a_conflict_too(site: Site) -> None:
    annas = forms(await site.page("/agents/shop"))["/agents/shop"]
    before = await stored(site)
    edited = {**SHOP, "voice": "Puck"}
    await site.store.write_agent("shop", edited, over=before.version)

    conflict = await site.post("/agents/shop", with_changes(annas, {"greeting": "Good day."}))

    assert conflict.status_code == 409
    assert "-voice: Kore" in conflict.text
    assert "+voice: Puck" in conflict.text


async def test_an_agent_that_was_deleted_meanwhile_is_a_conflict(site: Site) -> None:
    annas = forms(await site.page("/agents/shop"))["/agents/shop"]
    await site.store.delete_agent("shop")

    conflict = await site.post("/agents/shop", with_changes(annas, {"greeting": "Good day."}))
    again = await site.post("/agents/shop", forms(conflict.text)["/agents/shop"])

    assert conflict.status_code == 409
    assert again.status_code == 303
    assert (await stored(site)).document["greeting"] == "Good day."


# While typing


async def test_the_check_says_what_is_wrong_and_what_changes(site: Site) -> None:
    sent = forms(await site.page("/agents/shop"))["/agents/shop"]
    changes = {"voice": "Korr", "max_call_s": "soon"}
    response = await site.post("/agents/shop/check", with_changes(sent, changes))
    told = response.json()

    assert "Did you mean Kore?" in told["fields"]["voice"][0]
    assert "max_call_s" in told["fields"]
    assert "-voice: Kore" in told["difference"]
    assert (await stored(site)).document == SHOP


async def test_the_check_reads_yaml_too(site: Site) -> None:
    sent = forms(await site.page("/agents/shop?as=yaml"))["/agents/shop"]
    response = await site.post("/agents/shop/check", with_changes(sent, {"text": "voice: ["}))

    assert "cannot be read" in response.json()["general"][0]


# Drafts


async def test_an_edit_can_become_a_draft_instead(site: Site) -> None:
    await site.store.delete_agent("shop", draft=True)
    response = await site.send("/agents/shop", changes={"greeting": "Hi.", "action": "draft"})

    assert response.headers["location"] == "/agents/shop/draft?said=drafted"
    assert (await stored(site)).document == SHOP
    assert (await stored(site, draft=True)).document["greeting"] == "Hi."


async def test_a_draft_that_is_there_is_not_overwritten(site: Site) -> None:
    before = await stored(site, draft=True)
    response = await site.send("/agents/shop", changes={"greeting": "Hi.", "action": "draft"})

    assert response.status_code == 422
    assert "shop already has a draft" in response.text
    assert dict(forms(response.text)["/agents/shop"])["greeting"] == "Hi."
    assert await stored(site, draft=True) == before


async def test_a_draft_is_heard_by_its_testers_only(site: Site) -> None:
    await site.send("/agents/shop/draft", changes={"greeting": "A draft.", "testers": CALLER})

    assert await answers(site, CALLER) == "A draft."
    assert await answers(site) == "Hello, the flower shop."


async def test_publishing_shows_what_changes_and_makes_it_the_agent(site: Site) -> None:
    page = await site.page("/agents/shop/publish")
    sent = forms(page)[""]
    response = await site.post("/agents/shop/publish", with_changes(sent, {"why": "it is better"}))

    assert "+voice: Puck" in page
    assert "What do roses cost?" in page
    assert response.headers["location"] == "/agents/shop?said=published"
    assert (await stored(site)).document["voice"] == "Puck"
    assert await site.store.read_agent("shop", draft=True) is None
    assert "“it is better”" in await site.page("/agents/shop/history")


async def test_a_draft_that_changed_since_it_was_read_is_not_published(site: Site) -> None:
    sent = forms(await site.page("/agents/shop/publish"))[""]
    await site.send("/agents/shop/draft", changes={"greeting": "Changed."})
    response = await site.post("/agents/shop/publish", sent)

    assert response.status_code == 409
    assert (await stored(site)).document == SHOP


async def test_a_draft_can_be_discarded(site: Site) -> None:
    sent = forms(await site.page("/agents/shop/publish"))["/agents/shop/discard"]
    await site.post("/agents/shop/discard", sent)

    assert await site.store.read_agent("shop", draft=True) is None


# History


async def test_a_revision_can_be_restored_and_the_history_says_so(site: Site) -> None:
    old = (await site.store.list_revisions("shop"))[-1]
    path = f"/agents/shop/history/{old.revision}"
    page = await site.page(path)
    sent = with_changes(forms(page)[""], {"why": "too long"})
    response = await site.post(path, sent)

    assert "+greeting: Hello." in page
    assert response.headers["location"] == "/agents/shop/history?said=restored"
    assert await answers(site) == "Hello."
    history = await site.page("/agents/shop/history")
    assert "rolled back from" in history
    assert "“too long”" in history


async def test_nothing_is_restored_over_an_edit_that_came_meanwhile(site: Site) -> None:
    old = (await site.store.list_revisions("shop"))[-1]
    path = f"/agents/shop/history/{old.revision}"
    sent = forms(await site.page(path))[""]
    await site.send("/agents/shop", changes={"greeting": "Meanwhile."})

    assert (await site.post(path, sent)).status_code == 409
    assert await answers(site) == "Meanwhile."


# New ones


async def test_a_new_agent_is_a_copy(site: Site) -> None:
    response = await site.post("/agents", {"name": "night-desk", "like": "shop"})

    assert response.headers["location"] == "/agents/night-desk?said=made"
    assert (await stored(site, "night-desk")).document == SHOP


@pytest.mark.parametrize(
    ("name", "status"), [("shop", 409), ("", 422), ("a/b", 422), ("..", 422), ("naïve", 422)]
)
async def test_a_name_that_cannot_be(site: Site, name: str, status: int) -> None:
    assert (await site.post("/agents", {"name": name, "like": "shop"})).status_code == status


@pytest.mark.parametrize(
    "path", ["/agents/nobody", "/agents/default/draft", "/agents/shop/history/0123456789ab"]
)
async def test_what_does_not_exist(site: Site, path: str) -> None:
    response = await site.get(path)

    assert response.status_code == 404
    assert " found." in response.text

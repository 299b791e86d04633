"""The People page decides who may use the console: only editors change it, and one must remain."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.people import PEOPLE, Headers, People, Person, known_person
from ringdown.stores import Store, open_store
from tests.console.site import Fields, Site, forms, running_site

ANNA, BEN, VERA = "anna@example.com", "ben@example.com", "vera@example.com"
NASTY = "<img src=x onerror=alert(1)>@example.com"


class Named:
    """Believes whatever name it is given; the role comes from the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def identify(self, headers: Headers) -> Person:
        return await known_person(self._store.documents, headers.getlist("x-person")[0])


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with open_store(f"sqlite:{tmp_path / 'ringdown.db'}") as store:
        await store.documents.write(PEOPLE, {"roles": {ANNA: "editor", VERA: "viewer"}})
        async with running_site(store, doorkeeper=Named(store)) as site:
            site.client.headers["x-person"] = ANNA
            yield site


async def stored(site: Site) -> People:
    people = await site.store.documents.read(People, PEOPLE)
    assert people is not None
    return people


async def given_out(site: Site) -> Fields:
    return forms(await site.page("/people"))["/people"]


def with_role(sent: Fields, email: str, role: str) -> Fields:
    """The form with another role for one person, who is added if they have no row."""
    pairs = list(sent)
    emails = [n for n, (name, value) in enumerate(pairs) if name == "email" and value == email]
    row = emails[0] if emails else next(n for n, pair in enumerate(pairs) if pair == ("email", ""))
    pairs[row : row + 2] = [("email", email), ("role", role)]
    return pairs


async def change(site: Site, email: str, role: str, **more: str) -> tuple[int, str]:
    sent = [pair for pair in await given_out(site) if pair[0] not in more]
    response = await site.post("/people", [*with_role(sent, email, role), *more.items()])
    return response.status_code, response.text or response.headers["location"]


async def test_somebody_is_added_with_a_role_and_can_come_in(site: Site) -> None:
    assert await change(site, BEN, "viewer") == (303, "/people?said=people")
    site.client.headers["x-person"] = BEN

    assert (await site.get("/calls")).status_code == 200
    assert (await stored(site)).roles == {ANNA: "editor", VERA: "viewer", BEN: "viewer"}


async def test_a_role_is_changed_and_counts_at_once(site: Site) -> None:
    await change(site, VERA, "editor")
    site.client.headers["x-person"] = VERA

    assert await change(site, BEN, "viewer") == (303, "/people?said=people")


async def test_who_is_removed_is_out_at_once(site: Site) -> None:
    await change(site, VERA, "")
    site.client.headers["x-person"] = VERA

    assert (await site.get("/people")).status_code == 403
    assert (await stored(site)).roles == {ANNA: "editor"}


async def test_who_changed_what_and_why_is_kept_and_shown(site: Site) -> None:
    await change(site, BEN, "viewer", why="for the night shift")
    await change(site, BEN, "editor", why="promoted")
    page = await site.page("/people")
    newest, oldest = (await stored(site)).edits

    assert (newest.by, newest.why) == (ANNA, "promoted")
    assert newest.what == f"{BEN}: viewer → editor"
    assert oldest.what == f"{BEN}: no access → viewer"
    assert "“for the night shift”" in page


async def test_a_form_that_nobody_touched_changes_nothing(site: Site) -> None:
    response = await site.post("/people", await given_out(site))

    assert response.headers["location"] == "/people?said=unchanged"
    assert (await stored(site)).edits == ()


# People who may not


async def test_a_viewer_sees_whom_to_ask_and_changes_nothing(site: Site) -> None:
    annas = await given_out(site)
    site.client.headers["x-person"] = VERA
    page = await site.page("/people")
    response = await site.post("/people", with_role(annas, VERA, "editor"))

    assert ANNA in page
    assert 'fieldset class="all" disabled' in page
    assert response.status_code == 403
    assert (await stored(site)).roles[VERA] == "viewer"


async def test_a_form_of_another_page_changes_nothing(site: Site) -> None:
    sent = with_role(await given_out(site), VERA, "editor")
    response = await site.post("/people", sent, {"Sec-Fetch-Site": "cross-site"})

    assert response.status_code == 403
    assert (await stored(site)).roles[VERA] == "viewer"


@pytest.mark.parametrize("role", ["viewer", ""])
async def test_the_last_editor_stays(site: Site, role: str) -> None:
    status, text = await change(site, ANNA, role, anyway="yes")

    assert status == 422
    assert "This leaves no editor" in text
    assert (await stored(site)).roles[ANNA] == "editor"


async def test_two_editors_who_lower_each_other_leave_one(site: Site) -> None:
    await change(site, BEN, "editor")
    annas = with_role(await given_out(site), BEN, "viewer")
    bens = with_role(await given_out(site), ANNA, "viewer")
    await site.post("/people", annas)
    site.client.headers["x-person"] = BEN
    late = await site.post("/people", bens)

    assert late.status_code == 403, "Ben must have lost the role by then"
    assert (await stored(site)).roles == {ANNA: "editor", BEN: "viewer", VERA: "viewer"}


@pytest.mark.parametrize("role", ["viewer", ""])
async def test_an_editor_who_steps_back_is_asked_first(site: Site, role: str) -> None:
    await change(site, BEN, "editor")
    status, text = await change(site, ANNA, role)

    assert status == 422
    assert "You will no longer be able to change anything" in text
    assert dict(await given_out(site))  # she is still an editor
    again = [*forms(text)["/people"], ("anyway", "yes")]
    assert (await site.post("/people", again)).status_code == 303
    assert (await stored(site)).roles.get(ANNA, "") == role


# Mistakes


@pytest.mark.parametrize("email", ["ben", "ben@", "ben@example", "a b@example.com", NASTY])
async def test_what_is_no_address_is_refused_and_not_lost(site: Site, email: str) -> None:
    status, text = await change(site, email, "editor", why="new here")
    again = forms(text)["/people"]

    assert status == 422
    assert "e-mail address" in text
    assert "<img" not in text
    assert ("email", email) in again
    assert ("why", "new here") in again
    assert (await stored(site)).roles == {ANNA: "editor", VERA: "viewer"}


async def test_nobody_is_listed_twice(site: Site) -> None:
    status, text = await change(site, ANNA.upper(), "viewer")

    assert status == 422
    assert f"{ANNA} is listed twice" in text


@pytest.mark.parametrize("name", ["base", "role"])
async def test_what_no_page_sends_is_refused(site: Site, name: str) -> None:
    sent = [(each, "owner" if each == name else value) for each, value in await given_out(site)]

    assert (await site.post("/people", [*sent, ("email", BEN)])).status_code == 400


# Concurrent edits


async def test_two_edits_at_once_are_both_shown_and_neither_is_lost(site: Site) -> None:
    annas = with_role(await given_out(site), BEN, "viewer")
    await change(site, VERA, "editor")
    conflict = await site.post("/people", annas)

    assert conflict.status_code == 409
    assert "Someone else saved this" in conflict.text
    assert f"+{VERA}: editor" in conflict.text
    assert (await stored(site)).roles == {ANNA: "editor", VERA: "editor"}

    saved = await site.post("/people", forms(conflict.text)["/people"])
    assert saved.status_code == 303
    assert (await stored(site)).roles == {ANNA: "editor", VERA: "editor", BEN: "viewer"}


async def test_where_both_changed_a_role_both_are_shown_and_yours_stands(site: Site) -> None:
    annas = with_role(await given_out(site), VERA, "editor")
    edited = People(roles={ANNA: "editor"})
    await site.store.documents.write(PEOPLE, edited)  # without any check, as in Firestore's console
    conflict = await site.post("/people", annas)

    assert f'{VERA}: theirs</h3><pre dir="auto">no access' in conflict.text
    assert f'{VERA}: yours</h3><pre dir="auto">editor' in conflict.text
    await site.post("/people", forms(conflict.text)["/people"])
    assert (await stored(site)).roles == {ANNA: "editor", VERA: "editor"}


async def test_the_first_person_is_an_editor(site: Site) -> None:
    """On your own machine the list of people may be empty."""
    async with running_site(site.store) as local:
        await site.store.documents.delete(PEOPLE)

        status, text = await change(local, BEN, "viewer")
        assert (status, "This leaves no editor" in text) == (422, True)
        assert (await change(local, BEN, "editor"))[0] == 303


async def test_the_page_works_on_firestore_too(firestore_project: str) -> None:
    async with open_store(f"firestore:{firestore_project}") as store, running_site(store) as site:
        await change(site, BEN, "editor", why="the first")
        annas = with_role(await given_out(site), VERA, "viewer")
        await change(site, ANNA, "editor")
        conflict = await site.post("/people", annas)
        await site.post("/people", forms(conflict.text)["/people"])
        people = await stored(site)

    assert conflict.status_code == 409
    assert people.roles == {ANNA: "editor", BEN: "editor", VERA: "viewer"}
    assert [edit.what.partition(":")[0] for edit in people.edits] == [VERA, ANNA, BEN]

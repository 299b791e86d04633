"""Forms count only if a page of the console sent them; pages run only the console's own scripts."""

from pathlib import Path

import pytest

from ringdown.stores import open_store
from tests.console.site import Site, running_site
from tests.ringdown.samples import CALLER

FORM = {"number": CALLER}


async def blocked(site: Site) -> bool:
    return (await site.store.read_caller(CALLER)).blocked


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        {"Origin": "{url}"},
    ],
)
async def test_a_form_of_our_own_counts(site: Site, headers: dict[str, str]) -> None:
    given = {name: value.format(url=site.url) for name, value in headers.items()}
    response = await site.post("/callers/block", FORM, given)

    assert response.status_code == 303
    assert await blocked(site)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "{url}"},
        {"Origin": "https://evil.example"},
        {"Origin": "{url}.evil.example"},
        {"Origin": "null"},
        {"Referer": "{url}/callers"},
    ],
)
async def test_a_form_of_another_page_changes_nothing(site: Site, headers: dict[str, str]) -> None:
    given = {name: value.format(url=site.url) for name, value in headers.items()}
    response = await site.post("/callers/block", FORM, given)

    assert response.status_code == 403
    assert not await blocked(site)


async def test_an_address_that_is_not_ours_leads_nowhere(site: Site) -> None:
    """A page elsewhere may point its own host name at this machine."""
    response = await site.client.get("/calls", headers={"Host": "evil.example:80"})

    assert response.status_code == 403


PAGES = (
    "/",
    "/calls",
    f"/calls/CA{1:032x}",
    "/agents",
    "/agents/shop",
    "/agents/shop?as=yaml",
    "/agents/shop/draft",
    "/agents/shop/publish",
    "/agents/shop/history",
    "/numbers",
    "/callers",
    "/costs",
    "/people",
    "/nothing-here",
)


@pytest.mark.parametrize("path", PAGES)
async def test_no_page_runs_or_fetches_what_is_not_the_console_s(site: Site, path: str) -> None:
    response = await site.get(path)
    policy = response.headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "https://" not in response.text.replace("https://tools.example", "")
    assert " style=" not in response.text
    assert " onclick=" not in response.text


async def test_only_pages_that_are_named_may_show_the_console(tmp_path: Path) -> None:
    ours = ["http://127.0.0.1:1", "http://localhost:1"]
    async with (
        open_store(f"sqlite:{tmp_path / 'ringdown.db'}") as store,
        running_site(store, framed_by=ours) as site,
    ):
        policy = (await site.get("/agents")).headers["Content-Security-Policy"]

    assert policy.endswith("frame-ancestors http://127.0.0.1:1 http://localhost:1")


async def test_numbers_are_in_no_address(site: Site) -> None:
    """URLs end up in logs."""
    for path in PAGES:
        page = (await site.get(path)).text
        links = [part.partition('"')[0] for part in page.split('href="')[1:]]
        assert [link for link in links if "1415555" in link] == [], path


async def test_a_form_that_is_too_large_is_refused(site: Site) -> None:
    response = await site.post("/callers/block", {"number": "1" * 4_100_000})

    assert response.status_code == 413
    assert not await blocked(site)


async def test_bytes_that_are_no_form_are_refused(site: Site) -> None:
    response = await site.client.post(
        "/callers/block", content=b"\xff\xfe=\x00", headers={"Sec-Fetch-Site": "same-origin"}
    )

    assert response.status_code == 400


async def test_other_methods_are_not_for_pages(site: Site) -> None:
    response = await site.client.request(
        "DELETE", "/agents/shop", headers={"Sec-Fetch-Site": "same-origin"}
    )

    assert response.status_code == 405


async def test_a_damaged_document_is_named(site: Site) -> None:
    await site.store.documents.write("settings/forgotten_blocks", {"digests": 7})
    response = await site.get("/callers")

    assert response.status_code == 500
    assert "settings/forgotten_blocks" in response.text
    assert "Correct this document" in response.text

"""Photos that callers sent, on the page of their call: shown if the agent keeps them."""

from pathlib import Path

import msgspec
import pytest

from ringdown.calls import CallChanges, CallStatus, Speaker, Turn
from ringdown.calls.uploads import Reception
from ringdown.stores import Store, open_store
from simulators.pictures import picture
from tests.browser import CHROMIUM, open_page
from tests.console.site import Site, running_site
from tests.console.stored import furnish, save_call, sid
from tests.ringdown.samples import CALLER, a_picture, a_text, an_agent

PAGE = f"/calls/{sid(90)}"
SENT = tuple(
    Turn(n=n, speaker=Speaker.CALLER, text=text, start_ms=n * 900, end_ms=n * 900, upload=n)
    for n, text in ((1, "(sent photo 1)"), (2, "(typed) hello"))
)
_WIDTHS = """
Promise.all([...document.querySelectorAll('#entries img')]
  .map((image) => image.decode().then(() => image.naturalWidth)))
"""


async def save_call_with_a_photo(store: Store, *, kept: bool) -> None:
    agent = msgspec.structs.replace(an_agent(), photos=True, keep_photos=kept)
    await save_call(store, 90, turns=SENT, agent=agent, reason=None)
    for upload in (a_picture("photo", picture=picture("label")), a_text("text")):
        assert await store.add_upload(sid(90), upload) is Reception.TAKEN
    await store.save(sid(90), 1, CallChanges(status=CallStatus.ENDED))


async def photos(site: Site) -> list[int]:
    return [(await site.get(f"{PAGE}/photos/{n}")).status_code for n in range(3)]


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium. Install it: apt-get install chromium")
async def test_a_photo_that_is_kept_is_shown_until_its_caller_is_forgotten(tmp_path: Path) -> None:
    async with open_store(f"sqlite:{tmp_path / 'ringdown.db'}") as store:
        await furnish(store)
        await save_call_with_a_photo(store, kept=True)
        async with running_site(store) as site:
            photo = await site.get(f"{PAGE}/photos/1")
            async with open_page(f"{site.url}{PAGE}") as tab:
                widths = await tab.evaluate(_WIDTHS)
                problems = tab.problems
            found = await photos(site)
            await store.forget_caller(CALLER)
            forgotten = await photos(site)

    assert (photo.content, photo.headers["Content-Type"]) == (picture("label"), "image/jpeg")
    assert photo.headers["Cache-Control"] == "no-store"
    assert widths == [1024]
    assert problems == []
    assert found == [404, 200, 404]
    assert forgotten == [404] * 3


async def test_a_photo_for_the_call_only_is_not_shown_while_it_is_there(tmp_path: Path) -> None:
    async with open_store(f"sqlite:{tmp_path / 'ringdown.db'}") as store:
        await furnish(store)
        await save_call_with_a_photo(store, kept=False)
        async with running_site(store) as site:
            page = await site.page(PAGE)
            found = await photos(site)

    assert "/photos/" not in page
    assert found == [404] * 3

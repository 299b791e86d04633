"""The page as callers see it: a real browser, on a phone's small screen."""

import asyncio
import io
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from console.serving import serve
from ringdown.calls.uploads import LONGEST_SIDE_PX, MOST_IN_A_CALL, Upload
from ringdown.stores import Store, open_store
from tests.browser import CHROMIUM, Tab, open_page
from tests.functions.caller_page.links import SECRET, begin_call, end_call, link, uploads
from tests.functions.caller_page.photos_taken import NOT_PHOTOS, photo, says_where
from tests.functions.caller_page.test_caller_page import NASTY
from tests.functions.loading import FUNCTIONS, loaded_app
from tests.pages import assert_shown_well, picture
from tests.ringdown.samples import CALL_SID, NOW

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium. Install it: apt-get install chromium"
)
LANGUAGES = ("en-US", "de-DE", "es-ES", "fr-FR", "it-IT", "nl-NL", "pt-BR")
FORMS = "document.forms.length"
SAID = "document.querySelector('.said')?.textContent"
FOCUSED = "document.activeElement.id || document.activeElement.textContent.trim()"


@dataclass(frozen=True, slots=True)
class Line:
    url: str
    store: Store

    async def received(self) -> list[Upload]:
        return await uploads(self.store)


@pytest.fixture
async def line(tmp_path: Path, restored_logging: None) -> AsyncIterator[Line]:
    """The function on a socket, and a live call."""
    store_url = f"sqlite:{tmp_path / 'ringdown.db'}"
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    environ = {"STORE_URL": store_url, "UPLOAD_LINK_SECRET": SECRET}
    app = loaded_app("caller_page", FUNCTIONS / "caller_page" / "main.py", environ, io.StringIO())
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(app, listener, stop))
    async with open_store(store_url) as store:
        await begin_call(store)
        try:
            yield Line(url, store)
        finally:
            stop.set()
            await serving


@asynccontextmanager
async def telephone(line: Line, *, script: bool = True, query: str = "") -> AsyncIterator[Tab]:
    async with open_page("about:blank") as tab:
        await tab.resize(360, 740)
        if not script:
            await tab.tell("Emulation.setScriptExecutionDisabled", value=True)
        await tab.open(link(page=line.url) + query)
        yield tab


async def choose(tab: Tab, file: Path, *, field: str = "#choose") -> None:
    document = await tab.tell("DOM.getDocument")
    node = await tab.tell("DOM.querySelector", nodeId=document["root"]["nodeId"], selector=field)
    await tab.tell("DOM.setFileInputFiles", files=[str(file)], nodeId=node["nodeId"])


async def tab_to(tab: Tab, name: str) -> None:
    for _ in range(9):
        await tab.press("Tab")
        if await tab.evaluate(FOCUSED) == name:
            return
    raise AssertionError(f"{name} is not reached by Tab")


@pytest.mark.parametrize("script", [True, False], ids=["JavaScript", "no JavaScript"])
@pytest.mark.parametrize("field", ["#take", "#choose"])
async def test_a_photo_arrives_without_its_place(
    line: Line, tmp_path: Path, script: bool, field: str
) -> None:
    file = tmp_path / "IMG_1.JPG"
    file.write_bytes(photo(3000, 2000))
    assert says_where(file.read_bytes())
    async with telephone(line, script=script) as tab:
        await choose(tab, file, field=field)
        await tab_to(tab, "Send the photo")
        await tab.leads_on(tab.press("Enter"))
        assert "Your photo has arrived." in await tab.evaluate(SAID)
        assert tab.problems == []
    (upload,) = await line.received()
    assert not says_where(upload.picture)
    assert len(upload.picture) < 50_000


async def test_the_browser_makes_the_photo_small_before_it_leaves(
    line: Line, tmp_path: Path
) -> None:
    """Read what the browser would send from the form, at the moment it is sent."""
    file = tmp_path / "IMG_1.JPG"
    file.write_bytes(photo(3000, 2000, orientation=6))
    async with telephone(line) as tab:
        await choose(tab, file)
        sent = await tab.evaluate(_SENT)
        jpeg = bytes(sent)
        assert not says_where(jpeg)
        with Image.open(io.BytesIO(jpeg)) as image:
            assert (image.format, image.size) == ("JPEG", (683, LONGEST_SIDE_PX))
            top_right = image.convert("RGB").getpixel((680, 500))
            assert isinstance(top_right, tuple)
            assert top_right[0] > top_right[2], "it isn't upright"
        assert len(jpeg) < file.stat().st_size / 4
        await tab.leads_on(tab.evaluate("HTMLFormElement.prototype.submit.call(photo)"))
    (upload,) = await line.received()
    assert not says_where(upload.picture)


_SENT = """
new Promise((resolve) => {
  photo.submit = async () => resolve(
    [...new Uint8Array(await document.getElementById("choose").files[0].arrayBuffer())]);
  photo.requestSubmit();
})
"""


async def test_what_the_browser_cannot_read_goes_as_it_is_and_is_refused(
    line: Line, tmp_path: Path
) -> None:
    file = tmp_path / "IMG_1.HEIC"
    file.write_bytes(NOT_PHOTOS["heic"])
    async with telephone(line) as tab:
        await choose(tab, file)
        await tab.leads_on(tab.evaluate("photo.requestSubmit()"))
        assert "Take a screenshot of it" in await tab.evaluate(SAID)
    assert await line.received() == []


@pytest.mark.parametrize("script", [True, False], ids=["JavaScript", "no JavaScript"])
async def test_12_mb_are_refused_kindly(line: Line, tmp_path: Path, script: bool) -> None:
    """The browser reads the response even though the server didn't read the whole request."""
    file = tmp_path / "big.png"
    file.write_bytes(NOT_PHOTOS["heic"] + bytes(12_000_000))
    async with telephone(line, script=script) as tab:
        await choose(tab, file)
        await tab_to(tab, "Send the photo")
        await tab.leads_on(tab.press("Enter"))
        assert "too big" in str(await tab.evaluate(SAID))


@pytest.mark.parametrize("script", [True, False], ids=["JavaScript", "no JavaScript"])
async def test_a_text_is_written_and_sent_by_keyboard(line: Line, script: bool) -> None:
    async with telephone(line, script=script) as tab:
        await tab_to(tab, "text")
        await tab.tell("Input.insertText", text="ann.example@example.com")
        await tab_to(tab, "Send the text")
        await tab.leads_on(tab.press("Enter"))
        assert "Your text has arrived." in await tab.evaluate(SAID)
        assert (await tab.evaluate("document.title")).startswith("Your text has arrived.")
    assert [upload.text for upload in await line.received()] == ["ann.example@example.com"]


async def test_a_script_in_a_text_never_runs(line: Line) -> None:
    text = NASTY * 9  # too long, so that the page shows it again
    async with telephone(line) as tab:
        await tab_to(tab, "text")
        await tab.tell("Input.insertText", text=text)
        await tab.leads_on(tab.evaluate("document.forms[1].requestSubmit()"))
        assert "too long" in await tab.evaluate(SAID)
        assert await tab.evaluate("document.getElementById('text').value") == text
        assert await tab.evaluate("document.title") != "taken"


async def test_sending_twice_sends_once(line: Line, tmp_path: Path) -> None:
    file = tmp_path / "IMG_1.JPG"
    file.write_bytes(photo())
    async with telephone(line) as tab:
        await choose(tab, file)
        await tab.leads_on(tab.evaluate("photo.requestSubmit(); photo.requestSubmit()"))
        asked = [url for url in tab.requests if url.startswith(line.url) and "?" not in url]
        assert len(asked) == 2, f"expected the page and one form: {asked}"
    assert len(await line.received()) == 1


async def test_who_comes_back_to_the_page_can_send_another(line: Line, tmp_path: Path) -> None:
    """Browsers restore the page in the state the caller left it in: still sending."""
    (tmp_path / "IMG_1.jpg").write_bytes(photo())
    async with telephone(line) as tab:
        await tab.evaluate("document.getElementById('sending').textContent = 'Sending'")
        await tab.evaluate("dispatchEvent(new Event('pageshow'))")
        await choose(tab, tmp_path / "IMG_1.jpg")
        await tab.leads_on(tab.evaluate("photo.requestSubmit()"))
    assert len(await line.received()) == 1


@pytest.mark.parametrize("language", LANGUAGES)
async def test_it_looks_well_in_every_language(line: Line, language: str, pictures: Path) -> None:
    sid = f"CA{LANGUAGES.index(language):032x}"
    await begin_call(line.store, sid, language=language)
    async with open_page(link(sid, page=line.url)) as tab:
        await assert_shown_well(tab, scrolls=".none")
        await tab.open(link(sid, page=line.url) + "?sent=photo")
        await assert_shown_well(tab, scrolls=".none")
        if language == "en-US":
            await tab.resize(360, 740)
            await picture(tab, pictures / "caller-page.png")
        assert tab.problems == []
        assert [url for url in tab.requests if not url.startswith((line.url, "data:"))] == []


async def test_every_state_looks_well(line: Line) -> None:
    for n in range(MOST_IN_A_CALL):
        await line.store.add_upload(CALL_SID, Upload(id=str(n), received_at=NOW, text="x"))
    async with telephone(line) as tab:
        assert await tab.evaluate(FORMS) == 0
        await assert_shown_well(tab, scrolls=".none")
        await end_call(line.store)
        await tab.open(link(page=line.url))
        assert "It works only during the call" in await tab.text()
        await assert_shown_well(tab, scrolls=".none")


async def test_targets_are_large_enough_for_a_finger(line: Line) -> None:
    async with telephone(line) as tab:
        heights = await tab.evaluate(
            "[...document.querySelectorAll('input, button, textarea')]"
            ".map((element) => element.getBoundingClientRect().height)"
        )
    assert len(heights) == 5
    assert min(heights) >= 44

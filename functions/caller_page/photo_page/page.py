"""Renders the page. What callers send never becomes markup, and the page fetches nothing."""

import base64
import hashlib
import http
from collections.abc import Sequence
from importlib import resources

import jinja2
from starlette.responses import HTMLResponse

from photo_page.refusals import Refusal
from photo_page.words import FILES, Words
from ringdown.calls import Call
from ringdown.calls.uploads import MOST_IN_A_CALL

ARRIVED = {"photo": "photo_arrived", "text": "text_arrived"}
"""The confirmation's name in `Words`, by what the URL says was sent."""
_ACCEPT = "image/jpeg,image/png,image/webp"
"""Listed one by one, because then an iPhone converts HEIC to JPEG."""
_ABOUT_PHOTO = frozenset({Refusal.WRONG_KIND, Refusal.TOO_BIG, Refusal.UNREADABLE})


class Page:
    def __init__(self, framed_by: Sequence[str]) -> None:
        """`framed_by` lists the origins that may show the page in a frame."""
        templates = jinja2.Environment(
            autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._template = templates.from_string(_file("page.html"))
        self._style = _palette() + _file("page.css")
        self._script = _file("page.js")
        ancestors = " ".join(framed_by) or "'none'"
        policy = (
            f"default-src 'none'; script-src {_hash(self._script)}; style-src {_hash(self._style)};"
            f" img-src data: blob:; form-action 'self'; base-uri 'none';"
            f" frame-ancestors {ancestors}"
        )
        self.headers = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Robots-Tag": "noindex, nofollow",
        }

    def open(self, call: Call, words: Words, *, sent: str | None) -> HTMLResponse:
        """Render the page for a live call; `sent` is what just arrived, according to the URL."""
        arrived = ARRIVED.get(sent or "")
        return self._response(
            http.HTTPStatus.OK,
            words,
            call=call,
            arrived="" if arrived is None else getattr(words, arrived),
        )

    def refused(
        self, call: Call, words: Words, refusal: Refusal, *, text: str = ""
    ) -> HTMLResponse:
        """Render the same page with the reason for a refusal, and the text that was written."""
        return self._response(refusal.status, words, call=call, refusal=refusal, text=text)

    def failed(self, words: Words) -> HTMLResponse:
        """Render an error, because the state of the call isn't known."""
        return self._response(Refusal.TRY_AGAIN.status, words, refusal=Refusal.TRY_AGAIN)

    def over(self, words: Words) -> HTMLResponse:
        """Render the page for an invalid link, whatever the reason."""
        return self._response(http.HTTPStatus.NOT_FOUND, words)

    def _response(
        self,
        status: http.HTTPStatus,
        words: Words,
        *,
        call: Call | None = None,
        arrived: str = "",
        refusal: Refusal | None = None,
        text: str = "",
    ) -> HTMLResponse:
        html = self._template.render(
            about_photo=refusal in _ABOUT_PHOTO,
            about_text=refusal is Refusal.TEXT_TOO_LONG,
            accept=_ACCEPT,
            arrived=arrived,
            kept=call is not None and call.agent.keep_photos,
            left=0 if call is None else MOST_IN_A_CALL - len(call.uploads),
            open=call is not None,
            problem="" if refusal is None else words.of(refusal),
            script=self._script,
            style=self._style,
            text=text,
            words=words,
        )
        return HTMLResponse(html, status, headers=self.headers)


def _file(name: str) -> str:
    return (FILES / name).read_text("utf-8")


def _palette() -> str:
    """Read the colours of all pages, without importing `ringdown.call_page`, which needs numpy."""
    return (resources.files("ringdown") / "call_page" / "files" / "palette.css").read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

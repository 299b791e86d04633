"""Puts a call, the style and the script into one HTML file."""

import base64
import hashlib
import html
import zlib
from importlib import resources
from string import Template

import msgspec

from ringdown_cli.call_page.contents import CallPage
from ringdown_cli.call_page.view import View, view_of
from ringdown_cli.call_page.waveform import wav_bytes


def call_page(page: CallPage) -> str:
    """The page as one HTML document.

    Words of callers are data in it and can never become markup; its policy lets nothing run but
    its own script and lets nothing be fetched.
    """
    view = view_of(page)
    script = _file("page.js")
    return Template(_file("page.html")).substitute(
        title=html.escape(f"{view.title}, {view.when}"),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style=palette() + _file("page.css"),
        data=_embedded(view),
        audio="" if page.recording is None else _audio(wav_bytes(page.recording)),
        script=script,
    )


def palette() -> str:
    """The colours that all pages share, as a style sheet."""
    return _file("palette.css")


def _embedded(view: View) -> str:
    """JSON in which no tag can begin or end."""
    return msgspec.json.encode(view).decode().replace("<", "\\u003c")


def _audio(wav: bytes) -> str:
    """Compressed: most of a call is silence on one side at least."""
    return f'<audio data-packed="{base64.b64encode(zlib.compress(wav, 9)).decode()}"></audio>'


def _file(name: str) -> str:
    return (resources.files(__package__) / name).read_text("utf-8")

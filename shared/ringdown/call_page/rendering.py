"""Puts a call, the style and the script into one HTML file."""

import base64
import hashlib
import html
import zlib
from importlib import resources
from string import Template

import msgspec

from ringdown.call_page.contents import CallPage, Recording, ServedRecording
from ringdown.call_page.view import View, view_of
from ringdown.call_page.waveform import wav_bytes

FILES = resources.files("ringdown.call_page") / "files"
"""The files that a call page in a site loads."""


def call_page(page: CallPage) -> str:
    """Return the page as one HTML document.

    Callers' words are data and can never become markup. The page's policy allows only its own
    script to run, and nothing to be fetched.
    """
    script = _file("page.js")
    script_hash = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{script_hash}'; style-src 'unsafe-inline';"
        " img-src data:; media-src blob:; base-uri 'none'; form-action 'none'"
    )
    return _document(
        page,
        policy=f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        style=f"<style>\n{palette()}{_file('page.css')}</style>",
        script=f"<script>{script}</script>",
    )


def call_page_in_site(page: CallPage, *, head: str, above: str, files: str) -> str:
    """Return the page for a site, whose policy needn't allow anything inline.

    `head` is the HTML that the site has in the head of every page, and `above` the HTML that it
    shows above the call. `files` is the URL below which it serves FILES.
    """
    return _document(
        page,
        style=f'{head}\n<link rel="stylesheet" href="{files}/page.css">',
        script=f'<script src="{files}/page.js"></script>',
        above=above,
    )


def _document(page: CallPage, *, style: str, script: str, policy: str = "", above: str = "") -> str:
    view = view_of(page)
    return Template(_file("page.html")).substitute(
        title=html.escape(f"{view.title}, {view.when}"),
        policy=policy,
        style=style,
        above=above,
        data=_embedded(view),
        audio=_audio(page.recording),
        script=script,
    )


def palette() -> str:
    """Return the colours that all pages share, as a style sheet."""
    return _file("palette.css")


def _embedded(view: View) -> str:
    """Encode the view as JSON in which no tag can begin or end."""
    return msgspec.json.encode(view).decode().replace("<", "\\u003c")


def _audio(recording: Recording | ServedRecording | None) -> str:
    """Return the audio element. Sound inside the page is compressed, because most of a call is
    silence on at least one side."""
    if recording is None:
        return ""
    if isinstance(recording, ServedRecording):
        return f'<audio src="{html.escape(recording.address)}" preload="metadata"></audio>'
    wav = wav_bytes(recording)
    return f'<audio data-packed="{base64.b64encode(zlib.compress(wav, 9)).decode()}"></audio>'


def _file(name: str) -> str:
    return (FILES / name).read_text("utf-8")

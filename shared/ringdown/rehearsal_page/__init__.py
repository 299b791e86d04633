"""A page that shows a rehearsal: one self-contained HTML file that fetches nothing."""

import base64
import hashlib
import zlib
from collections.abc import Mapping
from importlib import resources

import jinja2

from ringdown.call_page import FILES as CALL_PAGE_FILES, palette
from ringdown.rehearsal_page.view import RunKey, view_of
from ringdown.rehearsals.report import Report

FILES = resources.files("ringdown.rehearsal_page") / "files"
"""The files that a rehearsal page in a site loads, in addition to the call page's."""
MOST_SOUND_BYTES = 50_000_000
"""With more, browsers open the page slowly."""


def rehearsal_page(
    report: Report, recordings: Mapping[RunKey, bytes], *, most_bytes: int = MOST_SOUND_BYTES
) -> str:
    """Return the page as one HTML document, with WAV files to play.

    It has up to `most_bytes` of them when packed, those of failed calls first. What callers and
    agents said is text and can never become markup. The page's policy allows only its own script to
    run, and nothing to be fetched.
    """
    script = _file("rehearsal.js")
    script_hash = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{script_hash}'; style-src 'unsafe-inline';"
        " media-src blob:; base-uri 'none'; form-action 'none'"
    )
    page_style = (CALL_PAGE_FILES / "page.css").read_text("utf-8")
    return _document(
        report,
        sounds=_packed(report, recordings, most_bytes),
        policy=f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        style=f"<style>\n{palette()}{page_style}{_file('rehearsal.css')}</style>",
        script=f"<script>{script}</script>",
    )


def rehearsal_page_in_site(
    report: Report, *, head: str, above: str, files: str, call_page_files: str
) -> str:
    """Return the page for a site, without sound.

    `head` is the HTML that the site has in the head of every page, and `above` the HTML that it
    shows above the report. FILES are served below `files`.
    """
    style = (
        f'{head}\n<link rel="stylesheet" href="{call_page_files}/page.css">'
        f'\n<link rel="stylesheet" href="{files}/rehearsal.css">'
    )
    return _document(report, sounds={}, style=style, above=above)


def _document(
    report: Report,
    *,
    sounds: Mapping[RunKey, str],
    style: str,
    policy: str = "",
    script: str = "",
    above: str = "",
) -> str:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_file("rehearsal.html")).render(
        view=view_of(report, sounds),
        policy=policy,
        style=style,
        script=script,
        above=above,
    )


def _packed(report: Report, recordings: Mapping[RunKey, bytes], left: int) -> dict[RunKey, str]:
    """Compress the recordings that fit in `left` bytes: mostly, at least one side is silent."""
    sounds: dict[RunKey, str] = {}
    for run in sorted(report.runs, key=lambda run: run.passed is not False):
        key = (run.persona.name, run.run)
        if key in recordings:
            packed = base64.b64encode(zlib.compress(recordings[key], 9)).decode()
            if len(packed) <= left:
                sounds[key] = packed
                left -= len(packed)
    return sounds


def _file(name: str) -> str:
    return (FILES / name).read_text("utf-8")

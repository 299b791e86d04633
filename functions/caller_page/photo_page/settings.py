"""The page's settings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ringdown.settings import SettingsReader
from ringdown.stores import read_store_url

_MIN_SECRET = 32
_ON_THIS_MACHINE = re.compile(r"http://(127\.0\.0\.1|localhost):[0-9]+")


@dataclass(frozen=True, slots=True)
class PageSettings:
    store_url: str
    upload_link_secrets: tuple[str, ...] = field(repr=False)
    """Shared with the tool that sends the link; the previous one stays valid during rotation."""
    framed_by: tuple[str, ...]
    """The origins that may show the page in a frame: those of `make talk`."""


def read_settings(environ: Mapping[str, str]) -> PageSettings:
    """Read and check every setting. Raises ConfigurationError, which names all invalid ones."""
    reader = SettingsReader(environ)
    settings = PageSettings(
        store_url=read_store_url(reader),
        upload_link_secrets=reader.rotated_secret(
            "UPLOAD_LINK_SECRET",
            "a random secret, the same as the tool ask_for_photo's",
            min_length=_MIN_SECRET,
        ),
        framed_by=_framed_by(reader),
    )
    reader.finish()
    return settings


def _framed_by(reader: SettingsReader) -> tuple[str, ...]:
    origins = (reader.optional("FRAMED_BY") or "").split()
    if not all(map(_ON_THIS_MACHINE.fullmatch, origins)):
        reader.problem(
            f"FRAMED_BY is {' '.join(origins)!r}. Leave it out: it is for `make talk`, and lists"
            " origins on this machine, such as http://127.0.0.1:8090, separated by spaces."
        )
    return tuple(origins)

"""What the page must be told."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ringdown.settings import SettingsReader
from ringdown.stores import read_store_url

_MIN_SECRET = 32


@dataclass(frozen=True, slots=True)
class PageSettings:
    store_url: str
    upload_link_secrets: tuple[str, ...] = field(repr=False)
    """Shared with what sends the link; while it is rotated, also the one before."""
    framed_by: str | None
    """The origin that may show the page in a frame; None: nobody."""


def read_settings(environ: Mapping[str, str]) -> PageSettings:
    """Read and check every setting; ConfigurationError names all that are wrong."""
    reader = SettingsReader(environ)
    settings = PageSettings(
        store_url=read_store_url(reader),
        upload_link_secrets=reader.rotated_secret(
            "UPLOAD_LINK_SECRET",
            "a random secret that the tool ask_for_photo is given too",
            min_length=_MIN_SECRET,
        ),
        framed_by=_framed_by(reader),
    )
    reader.finish()
    return settings


def _framed_by(reader: SettingsReader) -> str | None:
    if reader.optional("FRAMED_BY") is None:
        return None
    return reader.url("FRAMED_BY", "the origin that may frame the page", scheme="https")

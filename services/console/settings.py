"""The settings of the console, read once by the composition root."""

from collections.abc import Mapping
from dataclasses import dataclass

from ringdown.settings import SettingsReader
from ringdown.stores import read_store_url
from ringdown.stores.recordings import RecordingPlace, read_recordings


@dataclass(frozen=True, slots=True)
class Settings:
    host: str
    port: int
    store_url: str
    recordings: RecordingPlace | None
    iap_audience: str
    """The audience that Google's proxy signs its headers for."""


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Raises ConfigurationError naming everything that is missing or malformed."""
    reader = SettingsReader(environ)
    settings = Settings(
        host=reader.text("HOST", "the address to listen on", default="0.0.0.0"),  # noqa: S104 - a container's
        port=reader.integer("PORT", default=8080, minimum=0, maximum=65535),
        store_url=read_store_url(reader),
        recordings=read_recordings(reader),
        iap_audience=reader.text(
            "IAP_AUDIENCE",
            "/projects/PROJECT_NUMBER/locations/REGION/services/SERVICE, the console's own service",
        ),
    )
    reader.finish()
    return settings

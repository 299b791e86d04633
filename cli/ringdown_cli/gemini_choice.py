"""Chooses the Gemini endpoint that the operators' commands use."""

from collections.abc import Mapping

from ringdown.gemini.backend import (
    DeveloperApi,
    GeminiBackend,
    read_model_endpoints,
    read_optional_gemini_backend,
)
from ringdown.settings import SettingsReader


def chosen_gemini(environ: Mapping[str, str]) -> GeminiBackend | None:
    """Return the endpoint that the stream handler's environment variables name. None if they set
    no key, no other endpoint and no Vertex AI. Raises ConfigurationError.

    An endpoint on this machine (GEMINI_BASE_URL) needs no key.
    """
    if environ.get("GEMINI_BASE_URL") and not environ.get("GEMINI_API_KEY"):
        environ = {**environ, "GEMINI_API_KEY": "local-endpoint"}
    reader = SettingsReader(environ)
    backend = read_optional_gemini_backend(reader)
    reader.finish()
    return backend


def chosen_endpoints(environ: Mapping[str, str]) -> tuple[GeminiBackend | None, ...]:
    """Return the endpoint of `chosen_gemini`, followed by those of MODEL_ENDPOINTS; None for each
    whose key isn't set."""
    key = environ.get("GEMINI_API_KEY")
    reader = SettingsReader(environ if key else {**environ, "GEMINI_API_KEY": "missing-here"})
    _, *further = read_model_endpoints(reader)
    reader.finish()
    can_be_tried = (None if isinstance(e, DeveloperApi) and not key else e for e in further)
    return chosen_gemini(environ), *can_be_tried

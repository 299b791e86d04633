"""How to reach Gemini: the Developer API with a key, or Vertex AI with a service account."""

from collections import Counter
from dataclasses import dataclass, field

from ringdown.gemini.models import RETIRED, Api
from ringdown.log import Log
from ringdown.settings import SettingsReader

DEVELOPER_URL = "https://generativelanguage.googleapis.com"
_CHOICES = ("developer", "vertex")

_log = Log(__name__)


@dataclass(frozen=True, slots=True)
class DeveloperApi:
    api_key: str = field(repr=False)
    base_url: str | None = None
    """The endpoint to use instead of Google's own."""

    @property
    def api(self) -> Api:
        return Api.DEVELOPER

    @property
    def name(self) -> str:
        """The endpoint's name in MODEL_ENDPOINTS."""
        return "developer"


@dataclass(frozen=True, slots=True)
class VertexAi:
    """Uses the process's credentials: Google's Application Default Credentials."""

    project: str
    location: str
    """A region such as us-central1, or `global`."""
    base_url: str | None = None
    """The endpoint to use instead of Google's own."""

    @property
    def api(self) -> Api:
        return Api.VERTEX

    @property
    def name(self) -> str:
        """The endpoint's name in MODEL_ENDPOINTS."""
        return f"vertex:{self.location}"

    @property
    def url(self) -> str:
        """The location's REST endpoint, as google-genai chooses it."""
        if self.base_url is not None:
            return self.base_url
        match self.location:
            case "global":
                return "https://aiplatform.googleapis.com"
            case "us" | "eu":
                return f"https://aiplatform.{self.location}.rep.googleapis.com"
            case region:
                return f"https://{region}-aiplatform.googleapis.com"


GeminiBackend = DeveloperApi | VertexAi


def read_gemini_backend(reader: SettingsReader) -> GeminiBackend:
    """Read GEMINI_BACKEND and the settings it needs; `reader.finish()` reports problems."""
    return _vertex(reader) if _is_vertex(reader) else read_developer_api(reader)


def read_model_endpoints(reader: SettingsReader) -> tuple[GeminiBackend, ...]:
    """Read the endpoints to try, in order: the backend, then those that MODEL_ENDPOINTS lists.
    `reader.finish()` reports problems."""
    endpoints = [read_gemini_backend(reader)]
    for name in _listed(reader.optional("MODEL_ENDPOINTS") or ""):
        match name.partition(":"):
            case "developer", "", "":
                endpoints.append(DeveloperApi(_key(reader)))
            case "vertex", ":", location if location:
                endpoints.append(VertexAi(_project(reader), location))
            case _:
                reader.problem(
                    f"MODEL_ENDPOINTS has {name!r}. Set it to the endpoints to try when the first"
                    " one fails, in order and separated by commas: developer or vertex:LOCATION,"
                    " such as vertex:us-central1."
                )
    for name, times in Counter(endpoint.name for endpoint in endpoints).items():
        if times > 1:
            reader.problem(
                f"MODEL_ENDPOINTS repeats {name}. List each endpoint once, and leave out the one"
                " that GEMINI_BACKEND and VERTEX_LOCATION set."
            )
    return tuple(endpoints)


def read_optional_gemini_backend(reader: SettingsReader) -> GeminiBackend | None:
    """Like `read_gemini_backend`, but None if neither a key nor Vertex AI is set."""
    if _is_vertex(reader):
        return _vertex(reader)
    return None if reader.optional("GEMINI_API_KEY") is None else read_developer_api(reader)


def _is_vertex(reader: SettingsReader) -> bool:
    choice = reader.text("GEMINI_BACKEND", "", default=_CHOICES[0])
    if choice not in _CHOICES:
        reader.problem(
            f"GEMINI_BACKEND is {choice!r}. Set it to developer (the Gemini Developer API, with"
            " GEMINI_API_KEY) or to vertex (Vertex AI, with GOOGLE_CLOUD_PROJECT and"
            " VERTEX_LOCATION)."
        )
    if choice == "developer" and reader.optional("VERTEX_LOCATION") is not None:
        reader.problem(
            "VERTEX_LOCATION is set, but GEMINI_BACKEND isn't vertex. Set GEMINI_BACKEND to"
            " vertex, or remove VERTEX_LOCATION."
        )
    return choice == "vertex"


def read_developer_api(reader: SettingsReader) -> DeveloperApi:
    """Read GEMINI_API_KEY and GEMINI_BASE_URL; `reader.finish()` reports problems."""
    return DeveloperApi(_key(reader), _base_url(reader))


def _key(reader: SettingsReader) -> str:
    return reader.secret(
        "GEMINI_API_KEY",
        "a Gemini API key from Google AI Studio (or use Vertex AI: GEMINI_BACKEND=vertex)",
        min_length=8,
    )


def _vertex(reader: SettingsReader) -> VertexAi:
    return VertexAi(
        project=_project(reader),
        location=reader.text(
            "VERTEX_LOCATION", "a region of Vertex AI, such as us-central1, or global"
        ),
        base_url=_base_url(reader),
    )


def _project(reader: SettingsReader) -> str:
    return reader.text("GOOGLE_CLOUD_PROJECT", "the project in which to use Vertex AI")


def _listed(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _base_url(reader: SettingsReader) -> str | None:
    if reader.optional("GEMINI_BASE_URL") is None:
        return None
    return reader.url("GEMINI_BASE_URL", "another Gemini endpoint, https://HOST", scheme="https")


def served_text_model(name: str) -> str:
    """Return the text model to use for `name`; a retired one is replaced."""
    retired = RETIRED.get(name)
    if retired is None:
        return name
    _log.warning(
        "model replaced",
        wanted=name,
        answers=retired.replacement,
        retired_since=retired.since,
    )
    return retired.replacement

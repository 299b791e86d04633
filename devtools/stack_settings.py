"""The settings of `make stack`, and how they follow from the environment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devtools.local_tools import FOLDER as TOOLS
from ringdown.errors import ConfigurationError
from ringdown.gemini.backend import DeveloperApi, VertexAi
from ringdown.settings import SettingsReader
from ringdown_cli.gemini_choice import chosen_gemini
from ringdown_cli.store_choice import FIRESTORE_EMULATOR

DEMONSTRATED_TOOLS = ("lookup_account",)
"""The packaged agent's tools."""
WEBHOOK_PORT = 8080
STREAM_PORT = 8081
CALLER_PAGE_PORT = 8082


@dataclass(frozen=True, slots=True)
class StackSettings:
    """The stack's settings; defaults suit this machine."""

    out: Path
    gemini_api_key: str | None = None
    """Required unless `vertex` is set."""
    gemini_base_url: str | None = None
    gemini_ca_file: Path | None = None
    """The stand-in's CA. The functions don't get it, because the stand-in has only the Live API."""
    live_base_url: str | None = None
    """The handlers' Gemini Live endpoint, if not `gemini_base_url`."""
    live_ca_file: Path | None = None
    vertex: VertexAi | None = None
    webhook_port: int = WEBHOOK_PORT
    stream_port: int = STREAM_PORT
    caller_page_port: int | None = None
    """None means any free port. The page is served if the tool that texts its link is."""
    handlers: int = 1
    """If there are several, a proxy at `stream_port` distributes the calls."""
    public_url: str | None = None
    stream_url: str | None = None
    caller_page_url: str | None = None
    """The page's URL for callers."""
    caller_page_framed_by: Sequence[str] = ()
    """The origins of the pages that show the caller's page in a frame."""
    twilio_auth_token: str | None = None
    store_url: str | None = None
    fallback_number: str | None = None
    stream_token_secret: str | None = field(default=None, repr=False)
    tools: Path = TOOLS
    """The folder with the tool folders."""
    served_tools: tuple[str, ...] | None = DEMONSTRATED_TOOLS
    """None means every tool with its secrets in `tool_environ`."""
    tool_environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The tools' secrets, and settings that override their defaults."""
    clock: Path | None = None
    """A file that says how far ahead the dates of the webhook, `call_ended` and the handlers are;
    see `shifted_clock`."""
    traces: Mapping[str, str] = field(default_factory=dict, repr=False)
    """OpenTelemetry's variables, for the handlers."""
    inherited: Mapping[str, str] = field(default_factory=dict)
    """The variables that processes inherit, such as where programs and certificates are."""

    @property
    def developer_api(self) -> DeveloperApi | None:
        if self.gemini_api_key is None:
            return None
        return DeveloperApi(self.gemini_api_key, self.gemini_base_url)


def settings_from_environ(environ: Mapping[str, str], out: Path) -> StackSettings:
    """The settings of `make stack`. Raises ConfigurationError."""
    gemini = chosen_gemini(environ)
    if gemini is None:
        problem = (
            "GEMINI_API_KEY isn't set. Set it to a key from Google AI Studio, set GEMINI_BACKEND to"
            " vertex, or set GEMINI_BASE_URL to another Gemini Live endpoint (https://HOST)."
        )
        raise ConfigurationError([problem])
    webhook_port = _port(environ, "WEBHOOK_PORT", WEBHOOK_PORT)
    stream_port = _port(environ, "STREAM_PORT", STREAM_PORT)
    page_port = _port(environ, "CALLER_PAGE_PORT", CALLER_PAGE_PORT)
    if len({webhook_port, stream_port, page_port}) < 3:
        problem = (
            "WEBHOOK_PORT, STREAM_PORT and CALLER_PAGE_PORT must differ:"
            f" they are {webhook_port}, {stream_port} and {page_port}."
        )
        raise ConfigurationError([problem])
    return StackSettings(
        out=out,
        gemini_api_key=gemini.api_key if isinstance(gemini, DeveloperApi) else None,
        gemini_base_url=gemini.base_url,
        vertex=gemini if isinstance(gemini, VertexAi) else None,
        webhook_port=webhook_port,
        stream_port=stream_port,
        caller_page_port=page_port,
        handlers=_handlers(environ),
        public_url=environ.get("PUBLIC_URL") or None,
        stream_url=environ.get("STREAM_URL") or None,
        caller_page_url=environ.get("CALLER_PAGE_URL") or None,
        twilio_auth_token=environ.get("TWILIO_AUTH_TOKEN") or None,
        store_url=environ.get("STORE_URL") or None,
        fallback_number=environ.get("FALLBACK_NUMBER") or None,
        served_tools=None,
        tool_environ=environ,
        traces=trace_variables(environ),
        inherited=inherited(environ),
    )


def trace_variables(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith("OTEL_")}


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that all processes need."""
    names = (
        "PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "SSL_CERT_FILE",
        # How Google's client finds Firestore, if STORE_URL names it
        FIRESTORE_EMULATOR,
        "GOOGLE_APPLICATION_CREDENTIALS",
    )
    return {name: environ[name] for name in names if name in environ}


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    reader = SettingsReader(environ)
    port = reader.integer(name, default=default, minimum=1, maximum=65535)
    reader.finish()
    return port


def _handlers(environ: Mapping[str, str]) -> int:
    reader = SettingsReader(environ)
    handlers = reader.integer("HANDLERS", default=1, minimum=1, maximum=8)
    reader.finish()
    return handlers

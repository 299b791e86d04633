"""The settings of the stream handler, read once by the composition root."""

import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from ringdown.gemini.backend import GeminiBackend, read_model_endpoints
from ringdown.settings import SettingsReader
from ringdown.stores import read_store_url
from ringdown.stores.recordings import RecordingPlace, read_recordings
from stream_handler.record.trace_settings import TraceSettings, read_trace_settings


@dataclass(frozen=True, slots=True)
class Settings:
    host: str
    port: int
    stream_url: str
    """The base URL that Twilio connects to: wss://host, without a path."""
    twilio_auth_tokens: tuple[str, ...] = field(repr=False)
    """The account's tokens; the previous one stays valid during rotation."""
    twilio_shared_key_secret: str | None = field(repr=False)
    """For accounts whose webhooks are signed with a shared key instead of the auth token."""
    stream_token_secrets: tuple[str, ...] = field(repr=False)
    """Shared with incoming_call; the previous one stays valid during rotation."""
    store_url: str
    recordings: RecordingPlace | None
    """None: recordings go next to the SQLite file; with Firestore, nothing is recorded."""
    endpoints: tuple[GeminiBackend, ...]
    """The model's endpoints, in dialling order."""
    max_calls: int
    handler: str
    """Identifies this process in the claims it makes."""
    traces: TraceSettings | None = None


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Raises ConfigurationError naming everything that is missing or malformed."""
    reader = SettingsReader(environ)
    settings = Settings(
        host=reader.text("HOST", "the address to listen on", default="0.0.0.0"),  # noqa: S104 - a container's
        port=reader.integer("PORT", default=8080, minimum=0, maximum=65535),
        stream_url=reader.url(
            "STREAM_URL", "this service's base URL as Twilio reaches it, wss://HOST", scheme="wss"
        ),
        twilio_auth_tokens=reader.rotated_secret(
            "TWILIO_AUTH_TOKEN", "the auth token from Twilio's console", min_length=16
        ),
        twilio_shared_key_secret=reader.optional("TWILIO_SHARED_KEY_SECRET"),
        stream_token_secrets=reader.rotated_secret(
            "STREAM_TOKEN_SECRET",
            "a random secret, the same as incoming_call's (openssl rand -hex 32)",
            min_length=32,
        ),
        store_url=read_store_url(reader),
        recordings=read_recordings(reader),
        endpoints=read_model_endpoints(reader),
        max_calls=reader.integer("MAX_CALLS", default=20, minimum=1, maximum=1000),
        handler=f"{reader.text('K_REVISION', '', default='local')}/{_instance()}",
        traces=read_trace_settings(reader),
    )
    reader.finish()
    return settings


def _instance() -> str:
    return f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"

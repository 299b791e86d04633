"""The settings that the webhook needs to answer a call."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ringdown.gemini.backend import GeminiBackend, read_optional_gemini_backend
from ringdown.gemini.models import TEXT_MODELS, Api
from ringdown.settings import SettingsReader
from ringdown.stores import read_store_url

_MIN_TOKEN_SECRET = 32
_MIN_TWILIO_SECRET = 16


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """All URLs are base URLs without a trailing slash."""

    public_url: str
    stream_url: str
    store_url: str
    stream_token_secrets: tuple[str, ...] = field(repr=False)
    """Shared with the stream handler; the previous one stays valid during rotation."""
    twilio_auth_tokens: tuple[str, ...] = field(repr=False)
    """The account's tokens; the previous one stays valid during rotation."""
    twilio_shared_key_secret: str | None = field(repr=False)
    """Signs the webhooks of accounts that moved from the auth token to a shared key."""
    fallback_number: str | None
    """Where callers are sent when the agent has no fallback number; in E.164."""
    gemini: GeminiBackend | None
    """For call summaries; without it, the last turns of a call are remembered instead."""
    memory_model: str
    call_ended_topic: str | None
    """The URL of the Pub/Sub topic for ended calls. If None, they go to the queue in the store."""

    @property
    def media_url(self) -> str:
        return f"{self.stream_url}/media"

    @property
    def ready_url(self) -> str:
        """The stream handler's health URL: the http counterpart of its wss address."""
        return f"http{self.stream_url.removeprefix('ws')}/ready"


def read_settings(environ: Mapping[str, str]) -> WebhookSettings:
    """Read and check every setting. Raises ConfigurationError, which names all invalid ones."""
    reader = SettingsReader(environ)
    gemini = read_optional_gemini_backend(reader)
    settings = WebhookSettings(
        public_url=reader.url(
            "PUBLIC_URL", "this webhook's https address as Twilio sees it", scheme="https"
        ),
        stream_url=reader.url(
            "STREAM_URL", "the stream handler's address, such as wss://HOST", scheme="wss"
        ),
        store_url=read_store_url(reader),
        stream_token_secrets=reader.rotated_secret(
            "STREAM_TOKEN_SECRET",
            "a random secret, the same as the stream handler's",
            min_length=_MIN_TOKEN_SECRET,
        ),
        twilio_auth_tokens=reader.rotated_secret(
            "TWILIO_AUTH_TOKEN",
            "the auth token shown in the Twilio console",
            min_length=_MIN_TWILIO_SECRET,
        ),
        twilio_shared_key_secret=reader.optional("TWILIO_SHARED_KEY_SECRET"),
        fallback_number=reader.phone_number("FALLBACK_NUMBER"),
        gemini=gemini,
        memory_model=reader.text(
            "MEMORY_MODEL",
            "the model that summarises calls",
            default=TEXT_MODELS[Api.DEVELOPER if gemini is None else gemini.api],
        ),
        call_ended_topic=_topic(reader),
    )
    reader.finish()
    return settings


def _topic(reader: SettingsReader) -> str | None:
    if reader.optional("CALL_ENDED_TOPIC") is None:
        return None
    purpose = "a Pub/Sub topic: https://pubsub.googleapis.com/v1/projects/PROJECT/topics/TOPIC"
    return reader.url("CALL_ENDED_TOPIC", purpose, scheme="https")

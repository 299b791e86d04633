"""Reads where to send traces from OpenTelemetry's own variables; no endpoint means no traces.

The SDK reads the others itself, such as OTEL_EXPORTER_OTLP_HEADERS and OTEL_SERVICE_NAME:
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import re
from dataclasses import dataclass

from ringdown.settings import SettingsReader

_BASE = "OTEL_EXPORTER_OTLP_ENDPOINT"
_WORDS = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_WITH_WORDS = ("true", "span_only", "span_and_event")
_WITHOUT_WORDS = ("false", "no_content", "event_only")


@dataclass(frozen=True, slots=True)
class TraceSettings:
    endpoint: str
    """The collector's URL for traces, including the path."""
    words: bool = False
    """Whether spans include what was said, and the arguments and results of tools."""
    project: str | None = None
    """The Google Cloud project that the traces belong to."""


def read_trace_settings(reader: SettingsReader) -> TraceSettings | None:
    """Read the settings; None without an endpoint. `reader.finish()` reports any problems."""
    base, own = reader.optional(_BASE), reader.optional("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    endpoint = own or (base and f"{base.rstrip('/')}/v1/traces")
    if endpoint is None:
        return None
    if not re.fullmatch(r"https?://[^/?#\s]+/\S*", endpoint):
        reader.problem(
            f"{_BASE} is {own or base!r}. Set it to a collector that speaks OTLP over HTTP, such as"
            " http://localhost:4318, or leave it out."
        )
    words = (reader.optional(_WORDS) or "false").lower()
    if words not in _WITH_WORDS + _WITHOUT_WORDS:
        reader.problem(f"{_WORDS} is {words!r}. Set it to true or to false.")
    attributes = reader.optional("OTEL_RESOURCE_ATTRIBUTES") or ""
    project = re.search(r"(?:^|,)\s*gcp\.project_id=([^,\s]+)", attributes)
    return TraceSettings(endpoint, words in _WITH_WORDS, project and project[1])

"""Exports spans with OpenTelemetry's SDK. Only this file imports the SDK, and only a process with a
collector imports this file."""

import logging
import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

import google.auth
from google.auth.transport.requests import AuthorizedSession
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider, sampling
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator

from ringdown.calls import Call
from ringdown.log import Field, Log
from stream_handler.record.trace_settings import TraceSettings
from stream_handler.record.traces import SCHEMA, Span, span_id, trace_id

_GOOGLE = "telemetry.googleapis.com"
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_EVERY_MS = 1_000  # a stopping process has little time left
_AT_ONCE = 64  # spans, encoded while calls are live: a millisecond or two
_LAST_WITHIN_S = 1.5

_log = Log(__name__)


class OtlpExport:
    """Exports the spans of every call in the process from an SDK thread; a `SpanExport`."""

    def __init__(self, settings: TraceSettings) -> None:
        """Raises google.auth.exceptions.GoogleAuthError if there are no credentials.

        Raises ValueError if the SDK rejects one of its own variables.
        """
        self.words = settings.words
        self._project = settings.project
        self._ids = _Ids()
        named = {"service.name": "ringdown"}
        if settings.project is not None:
            named["gcp.project_id"] = settings.project
        self._provider = TracerProvider(
            sampler=sampling.ALWAYS_ON,
            resource=Resource(named).merge(OTELResourceDetector().detect()),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._exporter = _exporter(settings)
        self._provider.add_span_processor(
            BatchSpanProcessor(
                self._exporter, schedule_delay_millis=_EVERY_MS, max_export_batch_size=_AT_ONCE
            )
        )
        self._tracer = self._provider.get_tracer("ringdown", schema_url=SCHEMA)

    def close(self) -> None:
        """Export what is left, within 3 s. Call this after the last call has ended."""
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(_LAST_WITHIN_S)
        self._exporter.shutdown()  # stops its retries
        last.join(_LAST_WITHIN_S)

    def log_fields(self, call_sid: str) -> dict[str, Field]:
        """The fields that link the call's log lines to its trace."""
        id = trace_id(call_sid)
        if self._project is None:
            return {"trace_id": id}
        return {"logging.googleapis.com/trace": f"projects/{self._project}/traces/{id}"}

    def add(self, call: Call, span: Span) -> None:
        began_ns = round((call.started_at or call.created_at).timestamp() * 1_000) * 1_000_000
        trace_number = int(trace_id(call.call_sid), 16)
        self._ids.next = trace_number, int(span_id(call.call_sid, span.key), 16)
        context = Context()
        if span.parent is not None:
            parent = int(span_id(call.call_sid, span.parent), 16)
            flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
            remote = trace.NonRecordingSpan(trace.SpanContext(trace_number, parent, True, flags))
            context = trace.set_span_in_context(remote, context)
        known = {name: value for name, value in span.attributes.items() if value is not None}
        known["gen_ai.conversation.id"] = call.call_sid
        kind = trace.SpanKind.CLIENT if span.is_client else trace.SpanKind.INTERNAL
        start_ns, end_ns = (began_ns + round(ms * 1_000_000) for ms in (span.start_ms, span.end_ms))
        made = self._tracer.start_span(span.name, context, kind, known, start_time=start_ns)
        if span.error is not None:
            made.set_attribute("error.type", span.error)
            made.set_status(trace.StatusCode.ERROR)
        made.end(end_ns)


class _Ids(IdGenerator):
    """Returns the ids that were set for the next span."""

    next = (0, 0)

    def generate_trace_id(self) -> int:
        return self.next[0]

    def generate_span_id(self) -> int:
        return self.next[1]


def _exporter(settings: TraceSettings) -> "_Exporter":
    if urlsplit(settings.endpoint).hostname != _GOOGLE:
        return _Exporter(settings.endpoint)
    credentials, _ = google.auth.default(scopes=_SCOPES)
    session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
    return _Exporter(settings.endpoint, session=session)


class _Exporter(OTLPSpanExporter):
    """Logs once that exports fail, and why. The library itself would log every attempt."""

    _fails = _is_shut = False

    def shutdown(self) -> None:
        if not self._is_shut:
            self._is_shut = True
            super().shutdown()  # type: ignore[no-untyped-call]

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        reasons: list[str] = []

        def keep(line: logging.LogRecord) -> bool:
            reasons.append(line.getMessage())
            return False

        library = logging.getLogger(OTLPSpanExporter.__module__)
        library.addFilter(keep)
        result = super().export(spans)
        library.removeFilter(keep)
        fails = result is not SpanExportResult.SUCCESS
        if fails and not self._fails:
            _log.error("traces not exported", reason=next(iter(reasons), None))
        self._fails = fails
        return result

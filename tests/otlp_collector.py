"""A collector of traces that speaks OTLP over HTTP, on this machine; it can misbehave."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanOnWire, Status

from tests.http_server import Requests, serving

MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Span:
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    """Empty for a root."""
    start_ns: int
    end_ns: int
    attributes: dict[str, object]
    is_client: bool
    failed: bool

    def lies_in(self, parent: "Span") -> bool:
        return parent.start_ns <= self.start_ns <= self.end_ns <= parent.end_ns


@dataclass(slots=True)
class Collector:
    url: str = ""
    status: int = 200
    body: bytes = b""
    bodies: list[bytes] = field(default_factory=list)
    """What was posted to /v1/traces, unchanged."""
    headers: list[dict[str, str]] = field(default_factory=list)
    resources: list[dict[str, object]] = field(default_factory=list)
    scopes: set[tuple[str, str]] = field(default_factory=set)
    spans: list[Span] = field(default_factory=list)

    @property
    def environ(self) -> dict[str, str]:
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url}

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def take(self, body: bytes) -> None:
        self.bodies.append(body)
        request = ExportTraceServiceRequest.FromString(body)
        for of_resource in request.resource_spans:
            self.resources.append(_plain(of_resource.resource.attributes))
            for of_scope in of_resource.scope_spans:
                self.scopes.add((of_scope.scope.name, of_scope.schema_url))
                self.spans.extend(map(_span, of_scope.spans))


@contextmanager
def collecting(tls: ssl.SSLContext | None = None) -> Iterator[Collector]:
    """Run a collector. With `tls` it is also a proxy that poses as any host it is asked for."""
    collector = Collector()

    class Posted(Requests):
        def do_CONNECT(self) -> None:
            assert tls is not None
            self.send_response(200)
            self.end_headers()
            self.connection = tls.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", 0)
            self.close_connection = False

        def finish(self) -> None:
            super().finish()
            self.connection.close()

        def do_GET(self) -> None:
            self.reply(404)

        def do_POST(self) -> None:
            body = self.body()
            if self.path == "/v1/traces":
                collector.headers.append(
                    {name.lower(): text for name, text in self.headers.items()}
                )
                collector.take(body)
            self.reply(collector.status if self.path == "/v1/traces" else 404, collector.body)

    with serving(Posted) as collector.url:
        yield collector


def _span(span: SpanOnWire) -> Span:
    return Span(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        _plain(span.attributes),
        span.kind == SpanOnWire.SPAN_KIND_CLIENT,
        span.status.code == Status.STATUS_CODE_ERROR,
    )


def _plain(attributes: object) -> dict[str, object]:
    return {pair.key: _value(pair.value) for pair in attributes}  # type: ignore[attr-defined]


def _value(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    return None if kind is None else getattr(value, kind)

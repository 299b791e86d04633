"""Each call as an OpenTelemetry trace, for a collector; imported only if one is named.

All ids follow from the call's SID, so that every stream's handler adds to the same trace. Names are
those of the semantic conventions for generative AI, version 1.41.0; what they don't name is called
`ringdown.…`: https://github.com/open-telemetry/semantic-conventions/tree/v1.41.0/docs/gen-ai
"""

import asyncio
import hashlib
import logging
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

import google.auth
import msgspec
from google.auth.transport.requests import AuthorizedSession
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider, sampling
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.util.types import AttributeValue

from ringdown.calls import Call, CallChanges, Speaker, ToolCall, ToolOutcome, Turn, Usage
from ringdown.log import Field, Log
from stream_handler.call import events
from stream_handler.call.actions import Action, CloseModel, CloseStream, ConnectModel, SaveCall
from stream_handler.record.trace_settings import TraceSettings

SCHEMA = "https://opentelemetry.io/schemas/1.41.0"
_GOOGLE = "telemetry.googleapis.com"
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_EVERY_MS = 1_000  # a process that has to stop has little time left
_AT_ONCE = 64  # spans that are encoded beside live calls: a millisecond or two
_LAST_WITHIN_S = 1.5
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")

_log = Log(__name__)


class Traces:
    """The traces of all calls of a process, exported by a thread of the SDK's."""

    def __init__(self, settings: TraceSettings) -> None:
        """Raises google.auth.exceptions.GoogleAuthError."""
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
        """Export what is left, in 3 s at most. To be called when there are no more calls."""
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(_LAST_WITHIN_S)
        self._exporter.shutdown()  # it tries no more
        last.join(_LAST_WITHIN_S)

    def observer(self, call: Call) -> "CallTrace":
        return CallTrace(self, call)

    def id_of(self, call_sid: str) -> str:
        """In hexadecimal."""
        return hashlib.sha256(f"{call_sid} trace".encode()).hexdigest()[:32]

    def traceparent(self, call: Call, tool_call: str) -> str:
        """By which a tool's own spans join the trace: https://www.w3.org/TR/trace-context/"""
        span = _span_id(call.call_sid, f"{call.attempt} tool {tool_call}")
        return f"00-{self.id_of(call.call_sid)}-{span:016x}-01"

    def log_fields(self, call_sid: str) -> dict[str, Field]:
        """What the call's log lines say of its trace."""
        id = self.id_of(call_sid)
        if self._project is None:
            return {"trace_id": id}
        return {"logging.googleapis.com/trace": f"projects/{self._project}/traces/{id}"}

    def add(self, call: Call, span: "_Span") -> None:
        """Have a span of the call exported."""
        began_ns = round((call.started_at or call.created_at).timestamp() * 1_000) * 1_000_000
        id = int(self.id_of(call.call_sid), 16)
        self._ids.next = id, _span_id(call.call_sid, span.key)
        context = Context()
        if span.parent is not None:
            parent = _span_id(call.call_sid, span.parent)
            flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
            remote = trace.NonRecordingSpan(trace.SpanContext(id, parent, True, flags))
            context = trace.set_span_in_context(remote, context)
        known = {name: value for name, value in span.attributes.items() if value is not None}
        known["gen_ai.conversation.id"] = call.call_sid
        start_ns, end_ns = (began_ns + round(ms * 1_000_000) for ms in (span.start_ms, span.end_ms))
        made = self._tracer.start_span(span.name, context, span.kind, known, start_time=start_ns)
        if span.error is not None:
            made.set_attribute("error.type", span.error)
            made.set_status(trace.StatusCode.ERROR)
        made.end(end_ns)


class _Span(NamedTuple):
    """Times are ms, as in turns."""

    key: str
    name: str
    start_ms: float
    end_ms: float
    attributes: Mapping[str, AttributeValue | None]
    error: str | None = None
    kind: trace.SpanKind = trace.SpanKind.INTERNAL
    parent: str | None = None


@dataclass(slots=True)
class _Session:
    """One session of the model, from dialling on."""

    asked: ConnectModel
    start_ms: float
    open_ms: float | None = None
    end_ms: float | None = None
    error: str | None = None
    usage: Usage = field(default_factory=Usage)


class CallTrace:
    """Watches one stream, and makes its spans when it is over; a `CallObserver`.

    The span of the whole call is made by the stream that ends it, if the store has agreed. If it
    ended in a transfer, and nobody took that, later streams stand beside it.
    """

    def __init__(self, traces: Traces, call: Call) -> None:
        self._traces = traces
        self._call = call
        self._endpoints: tuple[str, ...] = ()
        self._began_ms = self._last_ms = 0.0
        self._sessions: list[_Session] = []
        self._dialled: _Session | None = None
        self._open: _Session | None = None
        """It may go on while the next one is dialled."""
        self._turns: dict[int, Turn] = {}
        self._tool_calls: dict[str, ToolCall] = {}
        self._changes = CallChanges()
        self._is_saved = False
        self._is_lost = False
        """Closed undecided: the call may go on, and end, without what still runs here."""

    def on_event(self, event: events.Event, actions: tuple[Action, ...]) -> None:
        at_ms = event.at_ms
        if not self._is_lost:
            self._last_ms = at_ms
        match event:
            case events.StreamStarted():
                self._began_ms, self._endpoints = at_ms, event.endpoints
            case events.ModelConnected():
                self._end(self._open, at_ms)
                self._open, self._dialled = self._dialled, None
                if self._open is not None:
                    self._open.open_ms = at_ms
            case events.ModelConnectFailed():
                self._end(self._dialled, at_ms, str(event.code or "connection"))
            case events.ModelDisconnected():
                self._end(self._open, at_ms, str(event.code or "connection"))
            case events.UsageReported() if self._open is not None:
                self._open.usage += event.usage
            case events.SaveDone():
                self._is_saved = True
            case _:
                pass
        for action in actions:
            match action:
                case SaveCall(changes):
                    self._turns.update((turn.n, turn) for turn in changes.turns)
                    self._tool_calls.update((call.id, call) for call in changes.tool_calls)
                    self._changes |= msgspec.structs.replace(changes, turns=(), tool_calls=())
                case ConnectModel():
                    self._dialled = _Session(action, at_ms)
                    self._sessions.append(self._dialled)
                case CloseStream(next=None):
                    self._is_lost = True
                case CloseModel():
                    self._end(self._open, at_ms)
                    self._end(self._dialled, at_ms)
                case _:
                    pass

    async def on_end(self) -> None:
        for span in self._spans():
            self._traces.add(self._call, span)
            await asyncio.sleep(0)  # other calls have their turn

    def _end(self, session: _Session | None, at_ms: float, error: str | None = None) -> None:
        if session is not None and session.end_ms is None:
            session.end_ms, session.error = at_ms, error

    def _spans(self) -> Iterator[_Span]:
        call, changes, attempt = self._call, self._changes, self._call.attempt
        stream, ends_ms = f"stream {attempt}", self._last_ms + 1  # records round to ms
        parent = None if call.failed_transfers else "call"
        why = {"ringdown.end_reason": changes.end_reason, "ringdown.next": changes.next}
        if self._is_saved and changes.next is not None and parent is not None:
            agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": call.agent_id}
            name, rings_ms = f"invoke_agent {call.agent_id}", -call.stream_began_ms
            yield _Span(parent, name, rings_ms, ends_ms, {**agent, **why})
        yield _Span(stream, stream, self._began_ms, ends_ms, why, parent=parent)
        for span in self._in_stream():
            start_ms = max(span.start_ms, self._began_ms)
            end_ms, key = max(start_ms, min(span.end_ms, ends_ms)), f"{attempt} {span.key}"
            yield span._replace(key=key, start_ms=start_ms, end_ms=end_ms, parent=stream)

    def _in_stream(self) -> Iterator[_Span]:
        for n, session in enumerate(self._sessions):
            yield self._of_session(n, session)
        for made in (self._changes.reconnects or ())[len(self._call.reconnects) :]:
            known = {"ringdown.reason": made.reason, "ringdown.endpoint": made.endpoint}
            began_ms = made.at_ms - made.took_ms
            yield _Span(f"reconnect {made.at_ms}", "reconnect", began_ms, made.at_ms, known)
        yield from map(self._of_turn, self._turns.values())
        yield from map(self._of_tool_call, self._tool_calls.values())

    def _of_session(self, n: int, session: _Session) -> _Span:
        config, place, usage = session.asked.config, session.asked.endpoint, session.usage
        endpoint = self._endpoints[place] if place < len(self._endpoints) else ""
        known: dict[str, AttributeValue | None] = {
            "gen_ai.operation.name": "generate_content",
            "gen_ai.provider.name": "gcp.vertex_ai" if "vertex" in endpoint else "gcp.gemini",
            "gen_ai.request.model": config.model,
            "gen_ai.output.type": "speech",
            "gen_ai.usage.input_tokens": sum(usage.prompt.values()) + usage.tool_use_prompt,
            "gen_ai.usage.output_tokens": sum(usage.response.values()) + usage.thoughts,
            "ringdown.endpoint": endpoint,
            "ringdown.resumed": config.handle is not None,
            "ringdown.opened_in_ms": session.open_ms and session.open_ms - session.start_ms,
        }
        name, end_ms = f"generate_content {config.model}", session.end_ms or self._last_ms
        client = trace.SpanKind.CLIENT
        return _Span(f"session {n}", name, session.start_ms, end_ms, known, session.error, client)

    def _of_turn(self, turn: Turn) -> _Span:
        is_caller = turn.speaker is Speaker.CALLER
        parts = [{"type": "text", "content": turn.text}]
        said = {"role": "user" if is_caller else "assistant", "parts": parts}
        known: dict[str, AttributeValue | None] = {
            "ringdown.turn": turn.n,
            "ringdown.interrupted": turn.interrupted,
            "ringdown.time_to_first_audio_ms": turn.reply_ms,
            "ringdown.barge_in_ms": turn.barge_in_ms,
            f"gen_ai.{'input' if is_caller else 'output'}.messages": self._words([said]),
        }
        name = f"{turn.speaker} turn"
        return _Span(f"turn {turn.n}", name, turn.start_ms, turn.end_ms, known)

    def _of_tool_call(self, call: ToolCall) -> _Span:
        known: dict[str, AttributeValue | None] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": call.name,
            "gen_ai.tool.call.id": call.id,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.arguments": self._words(call.args),
            "gen_ai.tool.call.result": self._words(call.output or call.error),
            "ringdown.outcome": call.outcome,
        }
        failed = call.outcome in (ToolOutcome.FAILED, ToolOutcome.UNKNOWN)
        name, end_ms = f"execute_tool {call.name}", call.start_ms + call.duration_ms
        error = call.outcome if failed else None
        return _Span(f"tool {call.id}", name, call.start_ms, end_ms, known, error)

    def _words(self, content: object) -> str | None:
        """As JSON, without phone numbers; None unless somebody asked for words."""
        if not self._traces.words:
            return None
        return _NUMBER.sub("+…", msgspec.json.encode(content).decode())


def _span_id(call_sid: str, key: str) -> int:
    return int(hashlib.sha256(f"{call_sid} {key}".encode()).hexdigest()[:16], 16)


class _Ids(IdGenerator):
    """Gives the ids that were set for the next span."""

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
    """Logs once that exports fail, and why; the library's own lines would come with every try."""

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

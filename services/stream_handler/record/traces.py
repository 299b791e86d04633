"""Turns each call into a trace, with spans for what happened in its streams.

All ids are derived from the call's SID, so every stream's handler adds to the same trace. Names
follow OpenTelemetry's semantic conventions for generative AI, version 1.41.0; the rest are
`ringdown.…`: https://github.com/open-telemetry/semantic-conventions/tree/v1.41.0/docs/gen-ai
"""

import asyncio
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import msgspec

from ringdown.calls import Call, CallChanges, Speaker, ToolCall, ToolOutcome, Turn, Usage
from ringdown.log import Field
from stream_handler.call import events
from stream_handler.call.actions import Action, CloseModel, CloseStream, ConnectModel, SaveCall

SCHEMA = "https://opentelemetry.io/schemas/1.41.0"
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")


def trace_id(call_sid: str) -> str:
    """Return the id of the call's trace, in hexadecimal."""
    return hashlib.sha256(f"{call_sid} trace".encode()).hexdigest()[:32]


def span_id(call_sid: str, key: str) -> str:
    return hashlib.sha256(f"{call_sid} {key}".encode()).hexdigest()[:16]


def traceparent(call: Call, tool_call: str) -> str:
    """Return the header that lets a tool's own spans join the trace.

    Its format: https://www.w3.org/TR/trace-context/
    """
    key = f"{call.attempt} tool {tool_call}"
    return f"00-{trace_id(call.call_sid)}-{span_id(call.call_sid, key)}-01"


class Span(NamedTuple):
    """A span. Its times are in ms, like those of turns."""

    key: str
    """The span's id is derived from this. `parent` is another span's key."""
    name: str
    start_ms: float
    end_ms: float
    attributes: Mapping[str, Field]
    error: str | None = None
    is_client: bool = False
    parent: str | None = None


class SpanExport(Protocol):
    words: bool
    """Whether spans should include what was said, and the arguments and results of tools."""

    def add(self, call: Call, span: Span) -> None:
        """Queue a span of the call for export. This must not wait."""


@dataclass(slots=True)
class _Session:
    """A model session, from the moment it is dialled."""

    asked: ConnectModel
    start_ms: float
    open_ms: float | None = None
    end_ms: float | None = None
    error: str | None = None
    usage: Usage = field(default_factory=Usage)


class CallTrace:
    """Watches one stream and makes its spans when it is over; a `CallObserver`.

    The stream that ends the call also makes the span of the whole call, if the final save was
    committed. If it ended in a transfer that no one answered, later streams appear next to that
    span.
    """

    def __init__(self, export: SpanExport, call: Call) -> None:
        self._export = export
        self._call = call
        self._endpoints: tuple[str, ...] = ()
        self._began_ms = self._last_ms = 0.0
        self._sessions: list[_Session] = []
        self._dialled: _Session | None = None
        self._open: _Session | None = None
        """The open session; it may continue while the next one is dialled."""
        self._turns: dict[int, Turn] = {}
        self._tool_calls: dict[str, ToolCall] = {}
        self._changes = CallChanges()
        self._is_saved = False
        self._is_lost = False
        """The stream closed undecided. The call may continue and end elsewhere, so whatever still
        runs here doesn't extend the trace."""

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
            self._export.add(self._call, span)
            await asyncio.sleep(0)  # gives other calls a turn

    def _end(self, session: _Session | None, at_ms: float, error: str | None = None) -> None:
        if session is not None and session.end_ms is None:
            session.end_ms, session.error = at_ms, error

    def _spans(self) -> Iterator[Span]:
        call, changes, attempt = self._call, self._changes, self._call.attempt
        stream, ends_ms = f"stream {attempt}", self._last_ms + 1  # records round to ms
        parent = None if call.failed_transfers else "call"
        why = {"ringdown.end_reason": changes.end_reason, "ringdown.next": changes.next}
        if self._is_saved and changes.next is not None and parent is not None:
            agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": call.agent_id}
            name, rings_ms = f"invoke_agent {call.agent_id}", -call.stream_began_ms
            yield Span(parent, name, rings_ms, ends_ms, {**agent, **why})
        yield Span(stream, stream, self._began_ms, ends_ms, why, parent=parent)
        for span in self._in_stream():
            start_ms = max(span.start_ms, self._began_ms)
            end_ms, key = max(start_ms, min(span.end_ms, ends_ms)), f"{attempt} {span.key}"
            yield span._replace(key=key, start_ms=start_ms, end_ms=end_ms, parent=stream)

    def _in_stream(self) -> Iterator[Span]:
        for n, session in enumerate(self._sessions):
            yield self._of_session(n, session)
        for made in (self._changes.reconnects or ())[len(self._call.reconnects) :]:
            known = {"ringdown.reason": made.reason, "ringdown.endpoint": made.endpoint}
            began_ms = made.at_ms - made.took_ms
            yield Span(f"reconnect {made.at_ms}", "reconnect", began_ms, made.at_ms, known)
        yield from map(self._of_turn, self._turns.values())
        yield from map(self._of_tool_call, self._tool_calls.values())

    def _of_session(self, n: int, session: _Session) -> Span:
        config, place, usage = session.asked.config, session.asked.endpoint, session.usage
        endpoint = self._endpoints[place] if place < len(self._endpoints) else ""
        known: dict[str, Field] = {
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
        error = session.error
        return Span(f"session {n}", name, session.start_ms, end_ms, known, error, is_client=True)

    def _of_turn(self, turn: Turn) -> Span:
        is_caller = turn.speaker is Speaker.CALLER
        parts = [{"type": "text", "content": turn.text}]
        said = {"role": "user" if is_caller else "assistant", "parts": parts}
        known: dict[str, Field] = {
            "ringdown.turn": turn.n,
            "ringdown.interrupted": turn.interrupted,
            "ringdown.time_to_first_audio_ms": turn.reply_ms,
            "ringdown.barge_in_ms": turn.barge_in_ms,
            f"gen_ai.{'input' if is_caller else 'output'}.messages": self._words([said]),
        }
        name = f"{turn.speaker} turn"
        return Span(f"turn {turn.n}", name, turn.start_ms, turn.end_ms, known)

    def _of_tool_call(self, call: ToolCall) -> Span:
        known: dict[str, Field] = {
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
        return Span(f"tool {call.id}", name, call.start_ms, end_ms, known, error)

    def _words(self, content: object) -> str | None:
        """Return JSON without phone numbers; None unless spans should include words."""
        if not self._export.words:
            return None
        return _NUMBER.sub("+…", msgspec.json.encode(content).decode())

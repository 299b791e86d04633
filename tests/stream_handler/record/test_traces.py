"""A stream's spans match its record and lie within their parents; failing collectors do no harm."""

import asyncio
import dataclasses
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
import trustme
from websockets.asyncio.server import ServerConnection

from ringdown.calls import Call, CallChanges, Reconnect, ToolCall, ToolOutcome, Turn
from ringdown.tools import Json
from stream_handler.call.actions import Action, ConnectModel, SaveCall
from stream_handler.call.events import Event, SaveDone, StreamStarted, UsageReported
from stream_handler.observers import ObservedSession
from stream_handler.record.span_export import OtlpExport
from stream_handler.record.trace_settings import TraceSettings
from stream_handler.record.traces import SCHEMA, CallTrace, trace_id
from tests.google_tokens import PROJECT, TokenServer
from tests.otlp_collector import MS, Collector, Span, collecting
from tests.ringdown.samples import NOW, a_call, a_tool
from tests.stream_handler.calls.recording import FOLDER, Recording, read
from tests.stream_handler.conversing import READY, tool_calls
from tests.stream_handler.handler import (
    CONNECTED,
    call_sid,
    closed,
    running_handler,
    start,
    stop,
    token,
)
from tests.stream_handler.little_gemini import LittleGemini, little_gemini, send
from tests.stream_handler.tool_server import GOOD_BODY, response, tool_server

RECORDINGS = sorted(FOLDER.glob("*.jsonl"))
CALLS = [path for path in RECORDINGS if path.stem in ("barge_in", "slow_tool", "resumed")]


class Saved:
    """Everything that one stream has saved."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.turns: dict[int, Turn] = {}
        self.tool_calls: dict[str, ToolCall] = {}
        self.reconnects: tuple[Reconnect, ...] = ()
        self.is_settled = False
        self.next: str | None = None
        self.dialled = 0

    def on_event(self, event: Event, actions: tuple[Action, ...]) -> None:
        self.is_settled |= isinstance(event, SaveDone)
        for action in actions:
            if isinstance(action, ConnectModel):
                self.dialled += 1
            if isinstance(action, SaveCall):
                self._add(action.changes)

    def _add(self, changes: CallChanges) -> None:
        self.turns.update((turn.n, turn) for turn in changes.turns)
        self.tool_calls.update((call.id, call) for call in changes.tool_calls)
        self.next = changes.next or self.next
        if changes.reconnects is not None:
            self.reconnects = changes.reconnects[len(self.call.reconnects) :]

    async def on_end(self) -> None:
        pass

    def times(self) -> list[tuple[str, int, int]]:
        """The expected spans: name, start and end (ms since the call began)."""
        return sorted(
            [
                *(
                    (f"{turn.speaker} turn", turn.start_ms, turn.end_ms)
                    for turn in self.turns.values()
                ),
                *(
                    (f"execute_tool {it.name}", it.start_ms, it.start_ms + it.duration_ms)
                    for it in self.tool_calls.values()
                ),
                *(("reconnect", it.at_ms - it.took_ms, it.at_ms) for it in self.reconnects),
            ]
        )


async def traced(recording: Recording, traces: OtlpExport) -> Saved:
    """Replay a recorded stream, and export its spans."""
    saved = Saved(recording.call)
    session = ObservedSession(recording.session(), saved, CallTrace(traces, recording.call))
    for step in recording.steps:
        session.handle(step.event)
    await session.end()
    return saved


def problems(saved: Saved, spans: list[Span]) -> list[str]:
    """Return everything that is wrong with the spans of one stream."""
    found = []
    by_id = {span.span_id: span for span in spans}
    call = saved.call
    zero_ns = round((call.started_at or call.created_at).timestamp() * 1_000) * MS
    if len(by_id) != len(spans):
        found.append("two spans have the same id")
    for span in spans:
        parent = by_id.get(span.parent_id)
        if parent is None and span.parent_id and not span.name.startswith("stream "):
            found.append(f"{span.name} has no parent")
        if parent is not None and not span.lies_in(parent):
            found.append(f"{span.name} isn't within {parent.name}")
    kinds = ("caller turn", "agent turn", "execute_tool ", "reconnect")
    times = sorted(
        (span.name, round((span.start_ns - zero_ns) / MS), round((span.end_ns - zero_ns) / MS))
        for span in spans
        if span.name.startswith(kinds)
    )
    wanted = saved.times()
    if [name for name, *_ in times] != [name for name, *_ in wanted]:
        found.append(f"the spans are {times}, expected {wanted}")
    for (name, *is_ms), (_, *was_ms) in zip(times, wanted, strict=False):
        if any(abs(a - b) > 1 for a, b in zip(is_ms, was_ms, strict=True)):
            found.append(f"{name} is at {is_ms}, expected {was_ms}")
    if sum(span.is_client for span in spans) != saved.dialled:
        found.append("there isn't exactly one span for each session")
    roots = sum(span.name.startswith("invoke_agent ") for span in spans)
    if roots != (saved.is_settled and saved.next is not None and not call.failed_transfers):
        found.append(f"{roots} spans cover the whole call")
    return found


@contextmanager
def running(collector: Collector, *, words: bool = False) -> Iterator[OtlpExport]:
    traces = OtlpExport(TraceSettings(f"{collector.url}/v1/traces", words))
    try:
        yield traces
    finally:
        traces.close()


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
async def test_every_span_lies_in_its_parent_and_none_is_lost(path: Path) -> None:
    with collecting() as collector:
        with running(collector) as traces:
            saved = await traced(read(path), traces)
        assert problems(saved, collector.spans) == []
        assert {span.trace_id for span in collector.spans} == {trace_id(saved.call.call_sid)}
        assert collector.scopes == {("ringdown", SCHEMA)}


@pytest.mark.parametrize("path", CALLS, ids=lambda path: path.stem)
async def test_planted_mistakes_are_found(path: Path) -> None:
    with collecting() as collector, running(collector) as traces:
        saved = await traced(read(path), traces)
    spans, changed = collector.spans, dataclasses.replace
    a_turn = next(span for span in spans if span.name == "agent turn")
    others = [span for span in spans if span is not a_turn]
    late = changed(a_turn, start_ns=a_turn.end_ns + 10**15, end_ns=a_turn.end_ns + 2 * 10**15)
    shorter = changed(a_turn, start_ns=a_turn.start_ns + 5 * MS)
    orphan = changed(a_turn, parent_id="0123456789abcdef")
    root = next(span for span in spans if span.name.startswith("invoke_agent "))
    for wrong in (
        others,
        [*others, late],
        [*others, shorter],
        [*others, orphan],
        [*spans, a_turn],
        [span for span in spans if span is not root],
    ):
        assert problems(saved, wrong) != []


async def test_a_call_has_the_names_of_the_conventions() -> None:
    with collecting() as collector, running(collector) as traces:
        saved = await traced(read(FOLDER / "slow_tool.jsonl"), traces)
    by_name = {span.name: span for span in collector.spans}
    model = saved.call.agent.model
    session = by_name[f"generate_content {model}"]
    assert session.attributes["gen_ai.provider.name"] == "gcp.gemini"
    assert session.attributes["gen_ai.request.model"] == model
    assert session.attributes["gen_ai.conversation.id"] == saved.call.call_sid
    tool_call = list(saved.tool_calls.values())[-1]
    tool = by_name[f"execute_tool {tool_call.name}"]
    assert tool.attributes["gen_ai.operation.name"] == "execute_tool"
    assert tool.attributes["gen_ai.tool.call.id"] == tool_call.id
    assert by_name[f"invoke_agent {saved.call.agent_id}"].parent_id == ""
    assert collector.resources[0]["service.name"] == "ringdown"


async def test_usage_is_in_the_sessions_and_adds_up() -> None:
    with collecting() as collector, running(collector) as traces:
        recording = read(FOLDER / "spoken_five_sessions.jsonl")
        await traced(recording, traces)
    happened = [step.event for step in recording.steps]
    usages = [event.usage for event in happened if isinstance(event, UsageReported)]
    wanted = sum(sum(usage.prompt.values()) + usage.tool_use_prompt for usage in usages)
    tokens = [span.attributes["gen_ai.usage.input_tokens"] for span in sessions_of(collector)]
    assert len(tokens) == 5
    assert sum(int(str(of_one)) for of_one in tokens) == wanted > 0


async def test_a_session_that_ends_badly_says_how() -> None:
    with collecting() as collector, running(collector) as traces:
        await traced(read(FOLDER / "spoken_five_sessions.jsonl"), traces)
    failed = [span for span in sessions_of(collector) if span.failed]
    assert failed
    assert all(span.attributes["error.type"] for span in failed)


@pytest.mark.parametrize("words", [False, True])
async def test_words_and_arguments_are_there_only_on_request(words: bool) -> None:
    recording = read(FOLDER / "spoken_demonstration.jsonl")
    with collecting() as collector, running(collector, words=words) as traces:
        saved = await traced(recording, traces)
    sent = b"".join(collector.bodies)
    for turn in saved.turns.values():
        assert (turn.text.encode() in sent) is words
    tool = next(call for call in saved.tool_calls.values() if call.args)
    assert (b"gen_ai.tool.call.arguments" in sent) is words
    assert (str(next(iter(tool.args.values()))).encode() in sent) is words
    assert recording.call.caller.encode() not in sent
    assert recording.call.called.encode() not in sent


async def test_phone_numbers_in_words_are_left_out() -> None:
    args: dict[str, Json] = {"call_back": "+14155550123"}
    answered = ToolOutcome.ANSWERED
    call = ToolCall(
        id="f1", name="call_back", args=args, outcome=answered, start_ms=1, duration_ms=1
    )
    with collecting() as collector, running(collector, words=True) as traces:
        observer = CallTrace(traces, a_call())
        observer.on_event(StreamStarted(0.0), (SaveCall(CallChanges(tool_calls=(call,))),))
        await observer.on_end()
    [tool] = collector.named("execute_tool call_back")
    assert tool.attributes["gen_ai.tool.call.arguments"] == '{"call_back":"+…"}'


async def test_what_a_transfer_brought_back_stands_beside_the_call() -> None:
    """The call's own span ended with the transfer."""
    recording = read(FOLDER / "short_call.jsonl")
    back = msgspec.structs.replace(recording.call, attempt=2, failed_transfers=("billing",))
    with collecting() as collector, running(collector) as traces:
        await traced(dataclasses.replace(recording, call=back), traces)
    assert [span.parent_id for span in collector.named("stream 2")] == [""]
    assert [span for span in collector.spans if span.name.startswith("invoke_agent")] == []


# Collectors that fail


@pytest.fixture
def refused() -> str:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line.getMessage() for line in caplog.records]


@pytest.mark.parametrize(
    ("status", "body"),
    [(400, b""), (401, b"who are you?"), (404, b"<html>"), (500, b"\xff" * 10_000)],
)
async def test_a_collector_that_refuses_is_told_of_once(
    status: int, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with collecting() as collector, running(collector) as traces:
        collector.status, collector.body = status, body
        for path in CALLS * 10:
            await traced(read(path), traces)
        traces.close()
    assert len(collector.bodies) > 1
    assert told(caplog) == ["traces not exported"]
    assert str(status) in vars(caplog.records[0])["ringdown_fields"]["reason"]


async def test_a_collector_that_is_down_is_told_of_once(
    refused: str, caplog: pytest.LogCaptureFixture
) -> None:
    traces = OtlpExport(TraceSettings(f"{refused}/v1/traces"))
    for path in CALLS:
        await traced(read(path), traces)
    traces.close()
    assert told(caplog) == ["traces not exported"]


async def test_rubbish_for_an_answer_is_nothing_to_speak_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with collecting() as collector:
        collector.body = b"\x00rubbish" * 1_000
        with running(collector) as traces:
            await traced(read(CALLS[0]), traces)
    assert collector.spans
    assert told(caplog) == []


async def test_nobody_waits_for_a_collector_that_says_nothing() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        traces = OtlpExport(TraceSettings(f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces"))
        for path in RECORDINGS:
            await traced(read(path), traces)
        traces.close()  # if it waited for responses, this would take minutes


# Settings that the SDK reads itself


async def test_the_sdk_reads_its_other_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=of-ours")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "line 1")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=staging")
    with collecting() as collector, running(collector) as traces:
        await traced(read(CALLS[0]), traces)
    assert {headers["x-api-key"] for headers in collector.headers} == {"of-ours"}
    named = {"service.name": "line 1", "deployment.environment": "staging"}
    assert named.items() <= collector.resources[0].items()


async def test_google_gets_a_token_and_the_project(
    tokens: TokenServer,
    certificates: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tls, ca_file = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), tmp_path / "ca.pem"
    certificates.issue_cert("*.googleapis.com").configure_cert(tls)
    certificates.cert_pem.write_to_path(str(ca_file))
    with collecting(tls) as collector:
        monkeypatch.setenv("HTTPS_PROXY", collector.url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_file))
        traces = OtlpExport(
            TraceSettings("https://telemetry.googleapis.com/v1/traces", False, PROJECT)
        )
        await traced(read(CALLS[0]), traces)
        traces.close()

    assert {headers["authorization"] for headers in collector.headers} == {f"Bearer {tokens.token}"}
    assert collector.resources[0]["gcp.project_id"] == PROJECT
    assert traces.log_fields("CA1") == {
        "logging.googleapis.com/trace": f"projects/{PROJECT}/traces/{trace_id('CA1')}"
    }


# Over sockets


async def test_a_lost_stream_is_in_the_same_trace_and_tools_are_told_of_it(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    """The first stream's tool is still running when another handler takes over."""

    async def order(gemini: LittleGemini, socket: ServerConnection) -> None:
        asked = {"id": f"session-{len(gemini.setups)}", "name": "lookup_account", "args": {}}
        await send(socket, READY, tool_calls(asked))
        async for frame in socket:
            gemini.take(json.loads(frame))

    async def late(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(4.0)
        await response(GOOD_BODY)(writer)

    with collecting() as collector, running(collector) as traces:
        async with (
            tool_server(late) as server,
            little_gemini(certificates, order) as gemini,
            running_handler(gemini, trusting, tmp_path, within_s=600, traces=traces) as handler,
        ):
            tool = msgspec.structs.replace(a_tool(), url=server.url)
            call = msgspec.structs.replace(a_call(call_sid=call_sid(1)), tools=(tool,))
            await handler.store.open_call(call)
            async with handler.socket() as first:
                await first.send(CONNECTED)
                await first.send(start(1))
                await asyncio.sleep(1.5)
                first.transport.abort()
            await asyncio.sleep(0.5)
            await handler.store.take_up(call_sid(1), 1, NOW)
            async with handler.socket() as second:
                await second.send(CONNECTED)
                await second.send(start(1, customParameters={"token": token(1, attempt=2)}))
                await asyncio.sleep(1.0)
                await second.send(stop(1))
                await closed(second)
            record = await handler.record(1)

    assert record.call.trace_id == trace_id(call_sid(1))
    spans = {span.span_id: span for span in collector.spans}
    [root] = [span for span in collector.spans if not span.parent_id]
    streams = [*collector.named("stream 1"), *collector.named("stream 2")]
    assert [span.parent_id for span in streams] == [root.span_id] * 2
    assert all(s.lies_in(spans[s.parent_id]) for s in collector.spans if s is not root)
    tools = collector.named("execute_tool lookup_account")
    told = [head for head, body in server.requests if body]
    assert len(told) == len(tools) == 2
    for head in told:
        _, trace, span_id, _ = head.partition("traceparent: ")[2].split("\r\n")[0].split("-")
        assert trace == record.call.trace_id
        assert spans[span_id] in tools


def sessions_of(collector: Collector) -> list[Span]:
    return [span for span in collector.spans if span.is_client]

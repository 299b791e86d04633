"""Whole calls leave traces, across interruptions, tools, a lost session and other handlers."""

import json
import socket
from pathlib import Path

import pytest

from ringdown.calls import CallRecord, EndReason
from simulators.gemini_live.faults import Close
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.gemini_live.scenario import PlannedCall, Reply, Scenario, Turn
from simulators.twilio import Call
from tests.end_to_end.playing import CALLER, play, record_of
from tests.otlp_collector import MS, Collector, Span, collecting
from tests.whole_line import LOG, restartable_line, settings_with

LINE = "+14155550100"
ACCOUNT = "What is the balance of my account?"
PLAN = "How does the family plan work?"
BYE = "Thank you, that is all. Goodbye."
STORY = (
    "The family plan has three parts. First, you choose the things that you need every month. "
    "Second, we bring them to your door. Third, you pay for all of it at once."
)
SCENARIO = Scenario(
    greeting=Reply(say="Hello, how can I help you today?"),
    turns=(
        Turn(
            "account",
            Reply(
                say="One moment.",
                calls=(PlannedCall("lookup_account", {"account_number": "12345678"}),),
            ),
            heard=(ACCOUNT,),
        ),
        Turn("plan", Reply(say=STORY), heard=(PLAN,)),
        Turn("rest", Reply(say="Third, you pay for all of it at once."), text="You were cut off"),
        Turn(
            "bye",
            Reply(say="Goodbye.", calls=(PlannedCall("end_call", {"reason": "done"}),)),
            heard=(BYE,),
        ),
    ),
)
pytestmark = pytest.mark.timeout(120)


async def ask_interrupt_and_say_goodbye(call: Call) -> None:
    await call.agent_silent_for(0.6)
    await call.say(ACCOUNT)
    await call.agent_started_speaking()
    await call.agent_silent_for(0.8)
    await call.say(PLAN)
    await call.agent_speaking_for(1.5)
    await call.say(BYE)
    await call.ended(30)


async def test_a_call_is_one_trace_with_all_that_happened(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    gemini = await gemini_live_server(SCENARIO)

    async def story(call: Call) -> None:
        await call.agent_silent_for(0.6)
        await call.say(ACCOUNT)
        await call.agent_started_speaking()
        await call.agent_silent_for(0.8)
        gemini.cause(Close(1011))
        await gemini.session(2)
        await call.say(PLAN)
        await call.agent_speaking_for(1.5)
        await call.say(BYE)
        await call.ended(30)

    with collecting() as collector:
        settings = settings_with(tmp_path, gemini, traces=collector.environ)
        async with restartable_line(settings) as (stack, _):
            record = await record_of(stack, await play(stack, LINE, story))

    assert record.call.end_reason is EndReason.AGENT_HUNG_UP
    [root] = check_trace(collector, record)
    assert root.name == "invoke_agent default"
    [stream] = collector.named("stream 1")
    assert (stream.parent_id, stream.attributes["ringdown.next"]) == (root.span_id, "hang_up")
    assert len(collector.named("reconnect")) == 1
    sessions = [span for span in collector.spans if span.is_client]
    assert [span.attributes.get("error.type") for span in sessions] == ["1011", None]
    assert [span.attributes["ringdown.resumed"] for span in sessions] == [False, True]
    assert any(turn.interrupted for turn in record.turns)
    assert any(turn.reply_ms for turn in record.turns)
    # Neither words nor numbers may be sent.
    sent = b"".join(collector.bodies)
    for text in (CALLER, LINE, "12345678", *filter(None, (turn.text for turn in record.turns))):
        assert text.encode() not in sent
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text("utf-8").splitlines()]
    of_call = [line for line in lines if line.get("call_sid") == record.call.call_sid]
    assert {line["trace_id"] for line in of_call if line.get("app") != "incoming_call"} == {
        record.call.trace_id
    }


async def test_words_and_arguments_come_on_request(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    gemini = await gemini_live_server(SCENARIO)
    with collecting() as collector:
        wanted = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"}
        settings = settings_with(tmp_path, gemini, traces={**collector.environ, **wanted})
        async with restartable_line(settings) as (stack, _):
            record = await record_of(stack, await play(stack, LINE, ask_interrupt_and_say_goodbye))

    check_trace(collector, record)
    sent = b"".join(collector.bodies)
    assert [turn.text for turn in record.turns if turn.text.encode() not in sent] == []
    [tool] = collector.named("execute_tool lookup_account")
    arguments = json.loads(str(tool.attributes["gen_ai.tool.call.arguments"]))
    assert arguments == {"account_number": "12345678"}
    assert CALLER.encode() not in sent


async def test_a_call_that_is_handed_over_stays_one_trace(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    gemini = await gemini_live_server(SCENARIO)
    with collecting() as collector:
        settings = settings_with(tmp_path, gemini, traces=collector.environ)
        async with restartable_line(settings) as (stack, parts):

            async def story(call: Call) -> None:
                await call.agent_silent_for(0.6)
                await call.say(ACCOUNT)
                await call.agent_started_speaking()
                await call.agent_silent_for(0.8)
                await parts.restart("stream_handler", {})
                await call.say(PLAN)
                await call.agent_speaking_for(1.5)
                await call.say(BYE)
                await call.ended(30)

            record = await record_of(stack, await play(stack, LINE, story))

    [root] = check_trace(collector, record)
    first, last = (claim.attempt for claim in record.claims)
    before, after = collector.named(f"stream {first}") + collector.named(f"stream {last}")
    assert before.parent_id == after.parent_id == root.span_id
    assert before.end_ns <= after.start_ns + 2 * MS  # a stream's end is rounded up
    assert before.attributes["ringdown.end_reason"] == "handler_stopped"


@pytest.mark.parametrize("collector", ["down", "silent", "refusing"])
async def test_a_collector_that_fails_harms_no_call(
    collector: str, tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    gemini = await gemini_live_server(SCENARIO)
    with socket.socket() as taken, collecting() as refusing:
        taken.bind(("127.0.0.1", 0))
        if collector == "silent":
            taken.listen()
        refusing.status = 503
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        endpoint = refusing.url if collector == "refusing" else url
        traces = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        async with restartable_line(settings_with(tmp_path, gemini, traces=traces)) as (stack, _):
            for _ in range(2):
                record = await record_of(
                    stack, await play(stack, LINE, ask_interrupt_and_say_goodbye)
                )
                assert record.call.end_reason is EndReason.AGENT_HUNG_UP
                assert record.call.trace_id is not None
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text("utf-8").splitlines()]
    told = [line["message"] for line in lines if line["severity"] == "ERROR"]
    assert set(told) <= {"traces not exported"}
    assert len(told) == 1 or (collector == "silent" and not told), (
        "must be logged once, if the failure is noticed"
    )


async def test_without_an_endpoint_nothing_is_traced(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    gemini = await gemini_live_server(SCENARIO)
    async with restartable_line(settings_with(tmp_path, gemini)) as (stack, _):
        record = await record_of(stack, await play(stack, LINE, ask_interrupt_and_say_goodbye))
    assert record.call.trace_id is None
    assert "trace" not in (tmp_path / LOG).read_text("utf-8")


def check_trace(collector: Collector, record: CallRecord) -> list[Span]:
    """Check that spans lie in their parents, and that each turn and tool call has one.

    Returns the root spans.
    """
    spans = {span.span_id: span for span in collector.spans}
    assert len(spans) == len(collector.spans)
    assert {span.trace_id for span in collector.spans} == {record.call.trace_id}
    for span in collector.spans:
        assert not span.parent_id or span.lies_in(spans[span.parent_id])
    turns = {
        span.attributes["ringdown.turn"]: (
            span.name,
            span.attributes["ringdown.interrupted"],
            span.attributes.get("ringdown.time_to_first_audio_ms"),
            span.attributes.get("ringdown.barge_in_ms"),
        )
        for span in collector.spans
        if span.name.endswith(" turn")
    }
    assert turns == {
        turn.n: (f"{turn.speaker} turn", turn.interrupted, turn.reply_ms, turn.barge_in_ms)
        for turn in record.turns
    }
    tools = [span for span in collector.spans if span.name.startswith("execute_tool ")]
    called = sorted(str(span.attributes["gen_ai.tool.call.id"]) for span in tools)
    assert called == sorted(call.id for call in record.tool_calls)
    return [span for span in collector.spans if not span.parent_id]

"""The store is away for whole calls: callers are answered, and no record is lost."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest

from ringdown.calls import CallRecord, CallStatus, EndReason, Speaker
from ringdown.calls.dead_letters import assemble, replay
from ringdown.stores import open_store
from simulators.gemini_live.faults import After, Close, Fault, Moment
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.gemini_live.scenario import Reply, Scenario
from simulators.speech.recognition import normalise
from simulators.twilio import Answers, Call, DialStatus
from simulators.twilio.events import DialledPartyEnded
from tests.end_to_end.playing import (
    hear_the_greeting_and_hang_up,
    play,
    store_away,
    wait_for_the_end,
)
from tests.whole_line import LOG, running_line, settings_with

LINE = "+14155550100"
FALLBACK = "+14155550199"
A_PERSON = {FALLBACK: Answers("This is a person.")}
GREETING = "Hello, how can I help you today?"


@pytest.mark.timeout(120)
async def test_calls_are_answered_and_their_records_come_back(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    dying = Fault(Close(1011), After(Moment.AUDIO_CHUNKS, 10), session=2)
    gemini = await gemini_live_server(Scenario(greeting=Reply(say=GREETING)), [dying])
    settings = settings_with(tmp_path, gemini, fallback_number=FALLBACK)
    with ExitStack() as until_stopped:
        async with running_line(settings) as stack:
            with store_away(stack.store_url):
                late = await play(stack, LINE, hear_the_greeting_and_hang_up)
            late_record = await _complete_record(stack.store_url, late)
            until_stopped.enter_context(store_away(stack.store_url))
            lost = await play(stack, LINE, wait_for_the_end, A_PERSON)

    assert await _record(stack.store_url, lost) is None
    assert _heard_greeting(late_record)
    assert late_record.call.end_reason is EndReason.CALLER_HUNG_UP
    dialled = [event for event in lost.events if isinstance(event, DialledPartyEnded)]
    assert [(d.number, d.status) for d in dialled] == [(FALLBACK, DialStatus.COMPLETED)]

    found = assemble((tmp_path / LOG).read_text("utf-8").splitlines())
    (letter,) = found.letters
    assert found.problems == ()
    async with open_store(stack.store_url) as store:
        assert (await replay(store, letter)).created
    lost_record = await _record(stack.store_url, lost)
    assert lost_record is not None
    assert (lost_record.call.status, lost_record.call.end_reason) == (
        CallStatus.ENDED,
        EndReason.MODEL_LOST,
    )


async def _record(store_url: str, call: Call) -> CallRecord | None:
    async with open_store(store_url) as store:
        return await store.read_record(call.identity.call_sid)


async def _complete_record(store_url: str, call: Call) -> CallRecord:
    """Wait for the record to be complete, and return it."""
    async with asyncio.timeout(15):
        while True:
            record = await _record(store_url, call)
            if record is not None and record.call.status is CallStatus.ENDED:
                return record
            await asyncio.sleep(0.1)


def _heard_greeting(record: CallRecord) -> bool:
    first = record.turns[0]
    return (first.speaker, normalise(first.text)) == (Speaker.AGENT, normalise(GREETING))

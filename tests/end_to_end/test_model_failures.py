"""When the model fails, the caller hears an apology, then a person; other calls notice nothing."""

from pathlib import Path

import numpy as np
import pytest

from ringdown.calls import EndReason, NextAction, Speaker
from simulators.gemini_live.faults import (
    After,
    Close,
    DelaySetup,
    Fault,
    Moment,
    RefuseUpgrade,
)
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.gemini_live.scenario import Reply, Scenario
from simulators.speech.recognition import normalise
from simulators.twilio import Answers, Call, DialStatus
from simulators.twilio.events import DialledPartyEnded, StreamStarted
from tests.end_to_end.playing import (
    hear_the_greeting_and_hang_up,
    play,
    record_of,
    wait_for_the_end,
)
from tests.whole_line import running_line, settings_with

LINE = "+14155550100"
FALLBACK = "+14155550199"
A_PERSON = {FALLBACK: Answers("This is a person.")}
GREETING = "Hello, how can I help you today?"
REFUSED = Fault(RefuseUpgrade(401))
DYING = Fault(Close(1011), After(Moment.AUDIO_CHUNKS, 10))
SLOW = Fault(DelaySetup(1.5))


@pytest.mark.timeout(120)
async def test_an_unavailable_model_sends_the_caller_to_a_person(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    """One model refuses, another's sessions keep breaking; a third is slow but worth the wait."""
    speaking = Reply(say=GREETING)
    gemini = await gemini_live_server(Scenario(greeting=speaking, unknown=speaking))
    settings = settings_with(tmp_path, gemini, fallback_number=FALLBACK)
    failed: list[Call] = []
    async with running_line(settings) as stack:
        for fault in (REFUSED, DYING):
            gemini.faults = [fault]
            failed.append(await play(stack, LINE, wait_for_the_end, A_PERSON))
        gemini.faults = [SLOW]
        healthy = await play(stack, LINE, hear_the_greeting_and_hang_up)
        records = [await record_of(stack, call) for call in failed]
        healthy_record = await record_of(stack, healthy)

    for call, record in zip(failed, records, strict=True):
        dialled = [e for e in call.events if isinstance(e, DialledPartyEnded)]
        assert [(d.number, d.status) for d in dialled] == [(FALLBACK, DialStatus.COMPLETED)]
        assert record.call.next is NextAction.FALL_BACK
    assert [record.call.end_reason for record in records] == [
        EndReason.MODEL_UNAVAILABLE,
        EndReason.MODEL_LOST,
    ]
    assert len(gemini.sessions) == 1 + 5 + 1, "a session that breaks must be replaced four times"
    assert healthy_record.call.end_reason is EndReason.CALLER_HUNG_UP
    assert _rings(healthy), "nothing was heard while the model was slow to get ready"
    first = healthy_record.turns[0]
    assert (first.speaker, normalise(first.text)) == (Speaker.AGENT, normalise(GREETING))


def _rings(call: Call) -> bool:
    """Whether the ringing tone, 440 and 480 Hz, is heard 0.8 s into the stream."""
    opened = next(event for event in call.events if isinstance(event, StreamStarted))
    begin = (opened.when.line_ms or 0) * 8 + 6_400
    spectrum = np.abs(np.fft.rfft(call.recording.agent[begin : begin + 4_000]))  # 2 Hz per bin
    return {int(2 * peak) for peak in np.argsort(spectrum)[-2:]} == {440, 480}

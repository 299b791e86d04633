"""Each fault happens once, in its session and at its moment."""

import numpy as np
import pytest

from simulators.gemini_live.actions import Abort, Disconnect, TurnSpoken
from simulators.gemini_live.faults import (
    AbortConnection,
    After,
    AskAgain,
    ChangeSpeed,
    Close,
    DelayCallerTranscripts,
    EndEmptyTurns,
    EndTurnWithCall,
    FalseVoice,
    Fault,
    FaultPlan,
    Flood,
    ForgetHandles,
    GoingAway,
    HearNobody,
    IgnoreShortSounds,
    InSession,
    Moment,
    PhantomInterruption,
    RefuseUpgrade,
    RepeatTurnComplete,
    ReplaceVoice,
    SendBinary,
    SendMessage,
    Stall,
    TrailAgentTranscripts,
)
from simulators.gemini_live.messages import (
    AudioChunk,
    AudioInput,
    Behavior,
    Binary,
    GoAway,
    InputTranscript,
    Interrupted,
    OutputTranscript,
    Scheduling,
    TextInput,
    ToolCall,
    ToolCallCancellation,
    ToolDeclaration,
    TurnComplete,
    Unspecified,
)
from simulators.gemini_live.scenario import PlannedCall, Reply, Scenario, Turn
from simulators.speech.pcm import Pcm, from_bytes, to_bytes
from tests.simulators.gemini_live.drive import CALLER, INPUT_HZ, Drive, setup

SCENARIO = Scenario(
    greeting=Reply(say="Hello, how can I help you?"),
    turns=(
        Turn("tool", Reply(calls=(PlannedCall("look_up"),), then="Found."), heard=("tool",)),
        Turn("hours", Reply(say="From nine to five."), heard=("hours",)),
    ),
)


def greeted(action: InSession, moment: Moment | None = None, count: float = 0) -> Drive:
    """A session with this fault, after its greeting."""
    fault = Fault(action, After(moment, count) if moment else None)
    drive = Drive(SCENARIO, setup("look_up"), faults=(fault,))
    drive.send(TextInput("Greet the caller."))
    drive.run(5_000)
    return drive


def test_close_after_some_audio() -> None:
    drive = greeted(Close(1011, "Broken."), Moment.AUDIO_CHUNKS, 5)
    assert drive.ended == Disconnect(1011, "Broken.")
    assert len(drive.times_of(AudioChunk)) == 5


def test_close_after_a_turn() -> None:
    drive = greeted(Close(1008, "Policy."), Moment.TURNS, 1)
    assert drive.ended == Disconnect(1008, "Policy.")
    assert drive.kinds[-1] == "TurnComplete"


def test_abort_after_some_time() -> None:
    drive = greeted(AbortConnection(), Moment.SECONDS, 0.5)
    assert drive.ended == Abort()
    assert drive.now_ms == 5_000
    assert max(drive.times_of(AudioChunk)) <= 500


def test_close_after_a_tool_call() -> None:
    drive = greeted(Close(), Moment.TOOL_CALLS, 1)
    drive.caller_says("tool")
    drive.run(9_000)
    assert drive.ended == Disconnect(1011, "Internal error encountered.")
    assert isinstance(drive.sent[-1][1], ToolCall)


def test_nothing_is_sent_after_a_stall() -> None:
    drive = greeted(Stall(), Moment.AUDIO_CHUNKS, 5)
    assert isinstance(drive.sent[-1][1], AudioChunk)
    assert len(drive.times_of(AudioChunk)) == 5
    assert not drive.stopped_reading
    assert greeted(Stall(deaf=True)).stopped_reading


def test_a_phantom_interruption_ends_the_turn() -> None:
    drive = greeted(PhantomInterruption(), Moment.AUDIO_CHUNKS, 5)
    assert len(drive.times_of(AudioChunk)) == 5
    assert drive.times_of(Interrupted)
    (turn,) = [note for note in drive.notes if isinstance(note, TurnSpoken)]
    assert turn.interrupted


def test_a_phantom_interruption_of_silence() -> None:
    drive = greeted(PhantomInterruption(), Moment.SECONDS, 4)
    assert drive.times_of(Interrupted) == [4_000]


def test_unknown_messages_and_floods() -> None:
    assert [m for m in greeted(SendMessage()).story if isinstance(m, Unspecified)]
    error = {"error": {"code": 13}}
    assert Unspecified(error) in greeted(SendMessage(error)).story
    assert [m for m in greeted(SendBinary()).story if isinstance(m, Binary)]
    flood = greeted(Flood(50)).story
    assert sum(isinstance(message, InputTranscript) for message in flood) == 50


def test_slower_than_real_time() -> None:
    drive = greeted(ChangeSpeed(0.5))
    chunks = drive.times_of(AudioChunk)
    assert chunks[1] - chunks[0] == 80
    assert drive.times_of(TurnComplete)[0] >= chunks[-1] + 20


def _heard(drive: Drive) -> Pcm:
    return from_bytes(b"".join(m.data for _, m in drive.sent if isinstance(m, AudioChunk)))


@pytest.mark.parametrize(
    ("by", "softest", "loudest"), [("silence", 0, 0), ("noise", 18, 18), ("tone", 5_000, 9_000)]
)
def test_other_sound_instead_of_a_voice(by: FalseVoice, softest: int, loudest: int) -> None:
    drive = greeted(ReplaceVoice(by))
    assert drive.audio_ms == greeted(ForgetHandles()).audio_ms
    assert softest <= np.abs(_heard(drive)).max() <= loudest
    assert bool(drive.times_of(OutputTranscript)) == (by != "tone"), (
        "only a tone must stop the words"
    )


def test_a_voice_may_turn_into_a_tone() -> None:
    drive = greeted(ReplaceVoice("tone"), Moment.AUDIO_CHUNKS, 5)
    size = len(_heard(drive)) // len(drive.times_of(AudioChunk))
    spoken, tone = _heard(drive)[: 5 * size], _heard(drive)[5 * size :]
    assert set(spoken.tolist()) == {1}, "the drive's voice has only ones"
    assert np.abs(np.diff(tone.astype(int))).max() < 1_500, "the tone must have no seams"


def test_words_of_the_caller_come_late() -> None:
    drive = greeted(DelayCallerTranscripts(3))
    drive.caller_says("hours")
    drive.run(12_000)
    late_ms = drive.times_of(InputTranscript)[0]
    assert late_ms == 8_000, "must come three seconds after the words were understood"
    assert drive.times_of(AudioChunk)[-1] < late_ms


def test_words_of_the_agent_come_after_their_turn() -> None:
    drive = greeted(TrailAgentTranscripts(0.3))
    [over_ms] = drive.times_of(TurnComplete)
    assert set(drive.times_of(OutputTranscript)) == {over_ms + 300}


def test_a_turn_without_a_word_says_why() -> None:
    drive = greeted(EndEmptyTurns("RESPONSE_REJECTED"), Moment.TURNS, 1)
    before = len(drive.sent)
    drive.caller_says("hours")
    drive.run(12_000)
    later = [message for _, message in drive.sent[before:]]
    assert not [m for m in later if isinstance(m, AudioChunk)]
    assert [m.reason for m in later if isinstance(m, TurnComplete)] == ["RESPONSE_REJECTED"]


def _interrupted_by(sound_ms: int, fault: IgnoreShortSounds | None) -> Drive:
    """The caller makes a sound over the greeting, which is then understood."""
    drive = Drive(SCENARIO, setup(), faults=(Fault(fault),) if fault else ())
    drive.send(TextInput("Greet the caller."))
    drive.run(1_000)
    sound = CALLER[: sound_ms * INPUT_HZ // 1_000]
    for at in range(0, len(sound), INPUT_HZ // 50):
        drive.send(AudioInput(to_bytes(sound[at : at + INPUT_HZ // 50]), INPUT_HZ))
    for _ in range(50):
        drive.caller_is_quiet(20)
    drive.understand("hours")
    drive.run(6_000)
    return drive


@pytest.mark.parametrize(
    ("sound_ms", "fault", "stops", "answers"),
    [
        (300, None, True, True),
        (300, IgnoreShortSounds(stops=True), True, False),
        (300, IgnoreShortSounds(), False, False),
        (1_000, IgnoreShortSounds(stops=True), True, True),
        (1_000, IgnoreShortSounds(), True, True),
    ],
)
def test_short_sounds(
    sound_ms: int, fault: IgnoreShortSounds | None, stops: bool, answers: bool
) -> None:
    drive = _interrupted_by(sound_ms, fault)
    assert bool(drive.times_of(Interrupted)) == stops
    words = "".join(m.text for _, m in drive.sent if isinstance(m, OutputTranscript))
    assert ("From nine to five." in words) == answers


def test_a_deaf_model_reads() -> None:
    drive = greeted(HearNobody())
    before = len(drive.sent)
    drive.send(AudioInput(to_bytes(CALLER), INPUT_HZ))
    drive.caller_is_quiet(1_000)
    drive.run(8_000)
    assert drive.sent[before:] == []
    drive.send(TextInput("hours"))
    drive.run(12_000)
    assert drive.times_of(AudioChunk)[-1] > 8_000


def test_a_turn_that_is_over_with_its_call() -> None:
    drive = greeted(EndTurnWithCall())
    drive.caller_says("tool")
    drive.run(6_000)
    assert drive.kinds[-3:] == ["GenerationComplete", "TurnComplete", "ResumptionUpdate"]
    drive.tool_answers({"found": True}, scheduling=Scheduling.WHEN_IDLE)
    drive.run(9_000)
    words = "".join(m.text for _, m in drive.sent if isinstance(m, OutputTranscript))
    assert words.endswith("Found.")


def test_turn_complete_twice() -> None:
    assert len(greeted(RepeatTurnComplete()).times_of(TurnComplete)) == 2


def test_go_away_and_go() -> None:
    drive = greeted(GoingAway(time_left_s=2), Moment.SECONDS, 1)
    assert [(at_ms, m) for at_ms, m in drive.sent if isinstance(m, GoAway)] == [(1_000, GoAway(2))]
    assert drive.ended == Disconnect(1000, "")
    assert drive.times_of(TurnComplete), "the session must continue until then"


def test_going_away_again_and_again() -> None:
    drive = greeted(GoingAway(time_left_s=3, every_s=1), Moment.SECONDS, 1)
    told = [(at_ms, m.time_left_s) for at_ms, m in drive.sent if isinstance(m, GoAway)]
    assert told == [(1_000, 3), (2_000, 2), (3_000, 1)]
    assert drive.ended == Disconnect(1000, "")


def test_lost_handles() -> None:
    drive = greeted(ForgetHandles())
    assert drive.lost == list(drive.remembered)


def _interrupted_in_a_call(*faults: Fault) -> Drive:
    """The caller speaks while the model waits for a tool."""
    tools = (ToolDeclaration("look_up", Behavior.BLOCKING),)
    drive = Drive(SCENARIO, setup(tools=tools), faults=faults)
    drive.caller_says("tool")
    drive.run(2_000)
    drive.caller_says("well?")
    drive.run(6_000)
    return drive


def _calls(drive: Drive) -> list[str]:
    return [call.call_id for m in drive.story if isinstance(m, ToolCall) for call in m.calls]


def test_a_cancelled_call_is_made_again_under_a_new_id_once() -> None:
    drive = _interrupted_in_a_call(Fault(AskAgain()))

    first, again = _calls(drive)
    assert first != again
    assert ToolCallCancellation((first,)) in drive.story
    drive.caller_says("well?")
    drive.run(12_000)
    assert _calls(drive) == [first, again]


def test_a_cancelled_call_is_usually_not_made_again() -> None:
    assert len(_calls(_interrupted_in_a_call())) == 1


def test_a_fault_is_for_its_session() -> None:
    faults = (Fault(RefuseUpgrade(503), session=2), Fault(RefuseUpgrade(401), session=3))
    plans = [FaultPlan(faults, number).at_connect() for number in (1, 2, 3)]
    assert plans == [None, RefuseUpgrade(503), RefuseUpgrade(401)]


def test_a_fault_happens_once() -> None:
    plan = FaultPlan((Fault(Close(), After(Moment.TURNS, 2)),), 1)
    assert [bool(plan.count(Moment.TURNS)) for _ in range(4)] == [False, True, False, False]

"""Faults: each happens in its session, at its moment, once."""

from simulators.gemini_live.actions import Abort, Disconnect, TurnSpoken
from simulators.gemini_live.faults import (
    AbortConnection,
    After,
    AskAgain,
    ChangeSpeed,
    Close,
    Fault,
    FaultPlan,
    Flood,
    ForgetHandles,
    GoingAway,
    InSession,
    Moment,
    PhantomInterruption,
    RefuseUpgrade,
    RepeatTurnComplete,
    SendBinary,
    SendMessage,
    Stall,
)
from simulators.gemini_live.messages import (
    AudioChunk,
    Behavior,
    Binary,
    GoAway,
    InputTranscript,
    Interrupted,
    TextInput,
    ToolCall,
    ToolCallCancellation,
    ToolDeclaration,
    TurnComplete,
    Unspecified,
)
from simulators.gemini_live.scenario import PlannedCall, Reply, Scenario, Turn
from tests.simulators.gemini_live.drive import Drive, setup

SCENARIO = Scenario(
    greeting=Reply(say="Hello, how can I help you?"),
    turns=(Turn("tool", Reply(calls=(PlannedCall("look_up"),)), heard=("tool",)),),
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


def test_turn_complete_twice() -> None:
    assert len(greeted(RepeatTurnComplete()).times_of(TurnComplete)) == 2


def test_go_away_and_go() -> None:
    drive = greeted(GoingAway(time_left_s=2), Moment.SECONDS, 1)
    assert [(at_ms, m) for at_ms, m in drive.sent if isinstance(m, GoAway)] == [(1_000, GoAway(2))]
    assert drive.ended == Disconnect(1000, "")
    assert drive.times_of(TurnComplete), "until then the session goes on"


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

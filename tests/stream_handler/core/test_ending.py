import pytest

from ringdown.calls import CallStatus, EndReason, NextAction, Speaker
from ringdown.tools import ToolAnswer
from stream_handler.core.actions import (
    CancelTimer,
    CloseModel,
    CloseStream,
    PlayAudio,
    SaveCall,
    SendToolResponse,
    StartTimer,
)
from stream_handler.core.deadlines import Timer
from stream_handler.core.ending import OUTCOMES, Ending
from stream_handler.core.events import (
    CallerAudio,
    DrainRequested,
    Event,
    GenerationCompleted,
    MarkReceived,
    ModelAudio,
    ModelConnected,
    ModelConnectFailed,
    ModelDisconnected,
    ModelInterrupted,
    SaveDone,
    SaveFailed,
    StreamLost,
    StreamStarted,
    StreamStopped,
    TimerFired,
    ToolCallCancelled,
    ToolCallFinished,
    ToolCallRequested,
    TranscriptReceived,
    TurnCompleted,
    UsageReported,
)
from tests.stream_handler.core.stage import SILENT_FRAME, Stage


def ended(stage: Stage) -> bool:
    return stage.final_save is not None


def test_speak_then_call_hangs_up_when_the_goodbye_has_been_heard() -> None:
    stage = Stage().greeted()
    stage.caller_says("That is all, thanks.")
    stage.agent_text("Goodbye!")
    stage.audio(900, value=9)
    stage.end_call()
    stage.generation_completed()
    stage.turn_completed()

    stage.pass_ms(890)
    assert not ended(stage), "the goodbye was cut short"
    stage.pass_ms(20)
    assert ended(stage)
    stage.saved()

    assert stage.played_ms(9) == 900
    assert stage.closed == CloseStream(NextAction.HANG_UP)
    assert stage.record.told()[-1] == (Speaker.AGENT, "Goodbye!")
    assert not stage.record.turns[3].interrupted
    assert stage.record.end_reason is EndReason.AGENT_HUNG_UP


def test_call_then_speak_waits_for_the_goodbye() -> None:
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.end_call()
    stage.pass_ms(2_000)
    assert not ended(stage)

    stage.reply("Goodbye.", 1_500)
    stage.pass_ms(1_490)
    assert not ended(stage)
    stage.pass_ms(20)

    assert ended(stage)


def test_call_and_never_speak_hangs_up_after_2_5_s() -> None:
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.end_call()

    stage.pass_ms(2_490)
    assert not ended(stage)
    stage.pass_ms(10)

    assert ended(stage)


def test_the_model_is_told_whether_a_goodbye_is_still_wanted() -> None:
    before, after = Stage().greeted(), Stage().greeted()
    before.caller_says("Bye.")
    before.end_call()
    after.caller_says("Bye.")
    after.reply("Goodbye.", 600)
    after.end_call()

    [asked] = before.all(SendToolResponse)
    [told] = after.all(SendToolResponse)
    assert asked.answer.output is not None
    assert "Say it now" in asked.answer.output["status"]
    assert not asked.silent
    assert told.answer.output is not None
    assert "Say nothing more" in told.answer.output["status"]
    assert told.silent


def test_a_bye_of_the_callers_does_not_hold_the_line_open() -> None:
    """Callers answer a goodbye; the model, which has ended the call, stays silent."""
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.reply("Goodbye!", 1_000)
    stage.end_call()

    stage.caller(400)  # "bye!", over the agent's last words
    stage.caller(800, -70)

    assert ended(stage), "the line stays open though the goodbye has been heard"


def test_an_interrupted_goodbye_goes_on_as_a_conversation() -> None:
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.reply("Goodbye, and thanks for calling.", 3_000)
    stage.end_call()
    stage.caller(500)
    stage.interrupted()

    assert stage.timers == {}, "a timer of the goodbye still runs"
    stage.caller_says("Oh, one more thing.")
    stage.reply("Of course.", 500)
    stage.pass_ms(30_000)

    assert not ended(stage)


def test_a_goodbye_after_an_interrupted_one_must_be_spoken_again() -> None:
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.reply("Goodbye.", 3_000)
    stage.end_call("end1")
    stage.caller(300)
    stage.audio(100)  # on its way while the caller began
    stage.interrupted()
    stage.turn_completed()

    stage.end_call("end2")

    assert not ended(stage), "hung up without a word on a caller who had just spoken"
    assert Timer.GOODBYE_BEGINS in stage.timers


def test_a_goodbye_never_echoed_ends_the_call_after_20_s() -> None:
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.line.echoing = False
    stage.reply("Goodbye.", 1_000)
    stage.end_call()

    stage.pass_ms(19_990)
    assert not ended(stage)
    stage.pass_ms(10)

    assert ended(stage)


def test_a_second_end_call_is_answered_and_changes_nothing() -> None:
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.end_call("end1")

    [response, _] = stage.end_call("end2")

    assert isinstance(response, SendToolResponse)
    assert len(stage.all(StartTimer)) == 2


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (StreamStopped(5_000), EndReason.CALLER_HUNG_UP),
        (StreamLost(5_000), EndReason.STREAM_LOST),
        (ModelDisconnected(5_000), EndReason.MODEL_LOST),
        (ModelConnectFailed(5_000), EndReason.MODEL_UNAVAILABLE),
        (DrainRequested(5_000), EndReason.HANDLER_STOPPED),
    ],
)
def test_every_other_end_saves_and_then_closes(event: Event, reason: EndReason) -> None:
    stage = Stage().greeted()

    actions = stage.handle(event)

    assert [type(action) for action in actions] == [CloseModel, SaveCall, StartTimer]
    assert stage.final_save is not None
    changes = stage.final_save.changes
    assert (changes.end_reason, changes.next) == (reason, OUTCOMES[reason])
    assert (changes.status is CallStatus.ENDED) == (OUTCOMES[reason] is not None)
    assert stage.saved() == (CancelTimer(Timer.FINAL_SAVE), CloseStream(OUTCOMES[reason]))


def test_a_lost_stream_decides_nothing_about_the_call() -> None:
    assert OUTCOMES[EndReason.STREAM_LOST] is None


def test_a_save_that_failed_closes_the_stream_all_the_same() -> None:
    stage = Stage().greeted()
    stage.handle(StreamStopped(stage.now_ms))

    stage.handle(SaveFailed(stage.now_ms))

    assert stage.closed == CloseStream(NextAction.HANG_UP)


def test_a_slow_save_is_waited_for_2_s_and_no_longer() -> None:
    stage = Stage().greeted()
    stage.handle(StreamStopped(stage.now_ms))

    stage.pass_ms(1_990)
    assert not stage.all(CloseStream)
    stage.pass_ms(10)
    assert stage.all(CloseStream)

    assert stage.saved() == (), "a save that is done too late closes a second time"


def test_nothing_is_done_while_the_save_is_awaited() -> None:
    stage = Stage().greeted()
    stage.audio(1_000)
    stage.handle(StreamStopped(stage.now_ms))
    done = len(stage.actions)

    stage.caller(500)
    stage.audio(500)
    stage.tool_call("late")
    stage.interrupted()
    stage.handle(ModelDisconnected(stage.now_ms))
    stage.handle(StreamLost(stage.now_ms))

    assert stage.actions[done:] == []


@pytest.mark.parametrize(
    "event",
    [
        CallerAudio(9_000, SILENT_FRAME, -20.0),
        ModelAudio(9_000, bytes(160)),
        MarkReceived(9_000, "m1"),
        StreamStarted(9_000),
        StreamStopped(9_000),
        StreamLost(9_000),
        ModelConnected(9_000),
        ModelConnectFailed(9_000),
        ModelDisconnected(9_000),
        ModelInterrupted(9_000),
        GenerationCompleted(9_000),
        TurnCompleted(9_000),
        TranscriptReceived(9_000, Speaker.CALLER, "hello?"),
        ToolCallRequested(9_000, "t", "lookup_account", {}),
        ToolCallCancelled(9_000, ("t",)),
        ToolCallFinished(9_000, "t", ToolAnswer(output={})),
        UsageReported(9_000, Stage().record.usage),
        *(TimerFired(9_000, timer) for timer in Timer),
        SaveDone(9_000),
        SaveFailed(9_000),
        DrainRequested(9_000),
    ],
    ids=lambda event: type(event).__name__,
)
def test_after_the_close_nothing_is_done_whatever_happens(event: Event) -> None:
    stage = Stage().greeted()
    stage.handle(StreamStopped(stage.now_ms))
    stage.saved()

    assert stage.session.handle(event) == ()


def test_a_hang_up_before_anything_happened_is_an_end_like_any_other() -> None:
    stage = Stage()

    stage.handle(StreamStopped(0.0))
    stage.saved()

    assert stage.closed == CloseStream(NextAction.HANG_UP)
    assert stage.record.turns == {}


def test_nothing_is_played_once_the_goodbye_was_heard() -> None:
    stage = Stage().greeted()
    stage.caller_says("Bye.")
    stage.reply("Goodbye.", 500)
    stage.end_call()
    stage.pass_ms(600)
    assert ended(stage)
    played = len(stage.all(PlayAudio))

    stage.reply("And another thing", 500)

    assert len(stage.all(PlayAudio)) == played


def test_the_first_reason_to_end_is_the_one_that_counts() -> None:
    ending = Ending()

    assert ending.finish(EndReason.CALLER_HUNG_UP) is not None
    assert ending.finish(EndReason.MODEL_LOST) is None
    outcome = ending.saved()

    assert outcome is not None
    assert outcome.reason is EndReason.CALLER_HUNG_UP
    assert ending.saved() is None

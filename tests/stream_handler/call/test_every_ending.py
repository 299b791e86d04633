"""However the session ends, it is saved first, and then closed."""

import pytest

from ringdown.calls import CallStatus, EndReason, NextAction, Speaker, Usage
from ringdown.tools import ToolAnswer
from stream_handler.call.actions import CloseModel, CloseStream, PlayAudio, SaveCall
from stream_handler.call.events import (
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
from stream_handler.call.state import OUTCOMES
from stream_handler.call.timers import Timer
from tests.stream_handler.call.stage import SILENT_FRAME, Stage


def ended(stage: Stage) -> bool:
    return stage.final_save is not None


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (StreamStopped(5_000), EndReason.CALLER_HUNG_UP),
        (StreamLost(5_000), EndReason.STREAM_LOST),
        (DrainRequested(5_000, 0), EndReason.HANDLER_STOPPED),
    ],
)
def test_every_other_end_saves_and_then_closes(event: Event, reason: EndReason) -> None:
    stage = Stage().greeted()

    actions = stage.handle(event)

    assert [type(action) for action in actions] == [CloseModel, SaveCall]
    assert list(stage.timers) == [Timer.FINAL_SAVE]
    assert stage.final_save is not None
    changes = stage.final_save.changes
    assert (changes.end_reason, changes.next) == (reason, OUTCOMES[reason])
    assert (changes.status is CallStatus.ENDED) == (OUTCOMES[reason] is not None)
    assert stage.saved() == (CloseStream(OUTCOMES[reason]),)


def test_the_end_says_how_long_the_call_was_and_what_the_model_cost() -> None:
    stage = Stage().greeted()
    stage.usage(Usage(reports=1, prompt={"AUDIO": 20_000}, response={"AUDIO": 10_000}))

    stage.handle(StreamStopped(61_600))

    assert stage.final_save is not None
    changes = stage.final_save.changes
    assert (changes.talk_s, changes.cost_usd) == (62, 0.18)


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

    assert stage.saved() == (), "a late save closes the stream a second time"


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
        DrainRequested(9_000, 8_000),
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

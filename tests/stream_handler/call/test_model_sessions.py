"""The model's sessions end; the conversation doesn't."""

from typing import Literal

import msgspec
import pytest

from ringdown.agents import Idle, TurnTaking
from ringdown.calls import CallChanges, EndReason, Speaker, Turn
from ringdown.tools import ToolAnswer
from stream_handler.call.actions import (
    ClearPlayback,
    CloseModel,
    ConnectModel,
    PlayTone,
    SaveCall,
    SendModelAudio,
    SendModelText,
    SendToolResponse,
    UpdateModelContext,
)
from stream_handler.call.events import (
    AgentEdited,
    GoAwayReceived,
    ModelConnectFailed,
    ResumptionUpdated,
    StreamStarted,
    TimerFired,
)
from stream_handler.call.timers import Timer
from tests.ringdown.samples import a_call, an_agent
from tests.stream_handler.call.stage import QUIET_DBFS, Stage, call_of

WORD = 7
"""The value of the bytes of what the caller says."""


def dials(stage: Stage) -> list[str | None]:
    """The handles of the sessions that were opened; None for fresh ones."""
    return [action.config.handle for action in stage.all(ConnectModel)]


def handed(stage: Stage, handle: str = "h1") -> Stage:
    stage.handle(ResumptionUpdated(stage.now_ms, handle))
    return stage


def go_away(stage: Stage, left_s: float) -> None:
    stage.handle(GoAwayReceived(stage.now_ms, left_s * 1_000))


def since_then(stage: Stage, kind: type[object], before: int) -> list[object]:
    return [action for action in stage.actions[before:] if isinstance(action, kind)]


# A session is lost


def test_a_session_is_resumed_by_its_newest_handle_once_the_old_one_is_closed() -> None:
    stage = handed(handed(Stage().greeted(), "h1"), "h2")

    actions = stage.lose_model()

    close, connect = (a for a in actions if isinstance(a, CloseModel | ConnectModel))
    assert isinstance(close, CloseModel)
    assert isinstance(connect, ConnectModel)
    assert connect.config.handle == "h2"


def test_an_idle_call_goes_on_without_a_word() -> None:
    stage = handed(Stage().greeted())
    stage.lose_model()
    stage.pass_ms(200)

    assert stage.told_the_model == []
    assert stage.reconnects[0].took_ms == 100
    stage.caller_says("Are you there?")
    stage.reply("Yes.", 500, value=9)
    stage.pass_ms(600)
    assert stage.played_ms(9) == 500


def test_without_a_handle_a_fresh_session_is_told_what_was_said() -> None:
    stage = Stage().greeted("Anvil and Sons.")
    stage.caller_says("My name is Ann.")
    stage.reply("Hello Ann.", 500)
    stage.pass_ms(600)

    stage.lose_model()

    instructions = stage.all(ConnectModel)[-1].config.instructions
    assert dials(stage) == [None, None]
    assert "You: Anvil and Sons.\nCaller: My name is Ann.\nYou: Hello Ann." in instructions


def test_a_resumed_session_is_told_only_what_came_after_its_handle() -> None:
    stage = handed(Stage().greeted("Anvil and Sons."))
    stage.caller_says("My name is Ann.")
    stage.reply("Hello Ann.", 500)
    stage.pass_ms(600)

    stage.lose_model()

    instructions = stage.all(ConnectModel)[-1].config.instructions
    assert "Caller: My name is Ann.\nYou: Hello Ann." in instructions
    assert "Anvil and Sons." not in instructions


@pytest.mark.parametrize("handles", [[], ["h1"]], ids=["fresh", "resumed"])
def test_a_session_in_mid_call_is_told_the_time_as_of_then(handles: list[str]) -> None:
    patient = Idle(nudge_after_s=600.0, goodbye_after_s=1_200.0)
    stage = Stage(a_call(agent=msgspec.structs.replace(an_agent(), idle=patient))).greeted()
    for handle in handles:
        handed(stage, handle)
    stage.pass_ms(180_000)

    stage.lose_model()

    first, second = (connect.config for connect in stage.all(ConnectModel))
    assert "2026-11-02, 09:30 (UTC)" in first.instructions
    assert "2026-11-02, 09:33 (UTC)" in second.instructions
    assert second.handle == (handles[0] if handles else None)


def test_what_tools_answered_is_known_in_a_fresh_session() -> None:
    stage = Stage().greeted()
    stage.caller_says("My balance?")
    stage.tool_call("t1", args={"account_number": "12"})
    stage.tool_finished("t1", ToolAnswer(output={"balance": 42}))
    stage.reply("Forty-two.", 500)
    stage.pass_ms(600)

    stage.lose_model()

    instructions = stage.all(ConnectModel)[-1].config.instructions
    assert 'lookup_account with {"account_number":"12"}, which answered {"balance":42}' in (
        instructions
    )


def test_the_next_stream_of_the_call_resumes_the_session_of_this_one() -> None:
    first = handed(Stage().greeted())
    call = msgspec.structs.replace(a_call(attempt=2), resumption=first.record.resumption)
    history = (Turn(n=1, speaker=Speaker.AGENT, text="Hello.", start_ms=0, end_ms=400),)
    resumed = Stage(call, history=history)

    resumed.handle(StreamStarted(0.0))

    assert dials(resumed) == ["h1"]
    recap = resumed.all(ConnectModel)[0].config.instructions
    assert recap.endswith("You: Hello."), "the service may have lost the session's state"


# What the caller said is not lost


def test_a_word_spoken_over_the_break_reaches_the_next_session_whole() -> None:
    stage = Stage().greeted()
    stage.caller(400, value=WORD)
    stage.lose_model()
    before = len(stage.actions)

    stage.caller(600, value=WORD)
    stage.caller(500, QUIET_DBFS)

    heard = since_then(stage, SendModelAudio, before)
    again_ms = sum(a.pcm.count(WORD) for a in heard if isinstance(a, SendModelAudio)) / 32
    assert again_ms == 1_000


def test_a_caller_without_an_answer_is_heard_again_from_their_first_word() -> None:
    stage = Stage().greeted()
    stage.caller(1_000, value=WORD)
    stage.caller(600, QUIET_DBFS)
    stage.lose_model()
    before = len(stage.actions)
    stage.pass_ms(200)

    heard = since_then(stage, SendModelAudio, before)
    assert sum(a.pcm.count(WORD) for a in heard if isinstance(a, SendModelAudio)) / 32 == 1_000
    assert stage.told_the_model == []


def test_who_is_heard_again_is_in_the_record_once() -> None:
    stage = Stage().greeted()
    stage.caller_says("My balance, please.")
    stage.lose_model()
    stage.pass_ms(200)
    stage.caller_text("My balance, please.")
    stage.reply("Ten dollars.", 500)

    assert [turn.text for turn in stage.record.by(Speaker.CALLER)] == ["My balance, please."]


def test_a_session_that_does_not_tell_what_it_heard_again_leaves_what_was_told_before() -> None:
    stage = Stage().greeted()
    stage.caller_says("My balance, please.")
    stage.lose_model()
    stage.pass_ms(200)
    stage.reply("Ten dollars.", 500)

    assert [turn.text for turn in stage.record.by(Speaker.CALLER)] == ["My balance, please."]


def test_nothing_is_kept_of_a_caller_who_types_a_secret() -> None:
    stage = Stage().greeted()
    stage.caller_says("Pay, please.")
    stage.reply("Your PIN?", 500)
    stage.pass_ms(600)
    stage.collect(length=4)
    stage.caller(1_000, value=WORD)
    stage.lose_model()
    stage.caller(1_000, value=WORD)

    assert stage.heard_by_the_model_ms(WORD) == 0


# A reply is cut off


def cut_off(stage: Stage) -> Stage:
    stage.caller_says("Tell me about the plan.")
    stage.agent_text("The plan has three parts. First, you")
    stage.audio(3_000, value=5)
    stage.pass_ms(1_000)
    stage.lose_model()
    return stage


def test_a_reply_that_was_cut_off_is_played_to_where_it_was_sent_and_taken_up_there() -> None:
    stage = cut_off(Stage().greeted())
    stage.pass_ms(200)

    [go_on] = stage.told_the_model
    assert "First, you" in go_on
    stage.reply("First, you choose.", 1_000, value=6)
    stage.pass_ms(4_000)

    assert (stage.played_ms(5), stage.played_ms(6)) == (3_000, 1_000)


def test_a_reply_to_unknown_words_is_dropped_and_made_again() -> None:
    """Without a transcript, the next session must hear the caller again to know the question."""
    stage = Stage().greeted()
    stage.caller(1_000, value=WORD)
    stage.caller(500, QUIET_DBFS)
    stage.audio(3_000, value=5)
    stage.pass_ms(500)
    before = len(stage.actions)

    stage.lose_model()
    stage.pass_ms(200)

    assert since_then(stage, ClearPlayback, before)
    heard = since_then(stage, SendModelAudio, before)
    assert sum(a.pcm.count(WORD) for a in heard if isinstance(a, SendModelAudio)) / 32 == 1_000


def test_a_caller_who_speaks_into_the_break_silences_what_is_still_played() -> None:
    stage = Stage().greeted()
    stage.caller_says("Tell me all.")
    stage.agent_text("It is long.")
    stage.audio(6_000, value=5)
    stage.pass_ms(500)
    stage.refusals = [None]
    stage.lose_model()

    stage.caller(300, value=WORD)

    assert ClearPlayback() in stage.actions
    assert stage.played_ms(5) < 700


def test_a_greeting_that_never_began_is_asked_for_again() -> None:
    stage = Stage().begun()
    stage.lose_model()
    stage.pass_ms(200)

    assert [a.text for a in stage.all(SendModelText)].count(stage.all(SendModelText)[0].text) == 2


# Tools


def test_the_answer_of_a_tool_reaches_a_session_that_did_not_call_it_as_text() -> None:
    stage = Stage().greeted()
    stage.caller_says("My balance?")
    stage.tool_call("t1")
    stage.lose_model()
    stage.pass_ms(200)
    stage.tool_finished("t1", ToolAnswer(output={"balance": 42}))

    assert stage.all(SendToolResponse) == []
    [text] = stage.told_the_model
    assert '{"balance":42}' in text


def test_the_answer_of_a_tool_that_comes_during_the_break_is_told_when_it_is_over() -> None:
    stage = Stage().greeted()
    stage.caller_says("My balance?")
    stage.tool_call("t1")
    stage.lose_model()
    stage.tool_finished("t1", ToolAnswer(output={"balance": 42}))
    stage.pass_ms(200)

    [text] = stage.told_the_model
    assert '{"balance":42}' in text
    assert stage.record.tool_calls["t1"].output == {"balance": 42}


def test_a_question_that_led_to_a_tool_call_is_not_heard_again() -> None:
    """Otherwise the tool would be called again."""
    stage = Stage().greeted()
    stage.caller(1_000, value=WORD)
    stage.caller_text("My balance?")
    stage.caller(500, QUIET_DBFS)
    stage.tool_call("t1")
    stage.tool_finished("t1", ToolAnswer(output={"balance": 42}))
    sent_ms = stage.heard_by_the_model_ms(WORD)
    stage.pass_ms(600)
    stage.lose_model()
    stage.pass_ms(200)

    assert stage.heard_by_the_model_ms(WORD) == sent_ms
    assert "Caller: My balance?" in stage.all(ConnectModel)[-1].config.instructions
    [text] = stage.told_the_model
    assert "give it now" in text


def test_a_call_that_the_resumed_session_knows_is_answered_as_a_call() -> None:
    stage = Stage().greeted()
    stage.caller_says("My balance?")
    stage.tool_call("t1")
    stage.pass_ms(100)
    handed(stage)
    stage.lose_model()
    stage.pass_ms(200)

    stage.tool_finished("t1", ToolAnswer(output={"balance": 42}))

    assert [response.id for response in stage.all(SendToolResponse)] == ["t1"]


# Go-away


def test_a_go_away_waits_until_nobody_speaks() -> None:
    stage = handed(Stage().greeted())
    stage.caller_says("Tell me.")
    stage.audio(1_000)
    go_away(stage, 50)
    assert len(dials(stage)) == 1

    stage.turn_completed()

    assert dials(stage) == [None, "h1"]
    assert CloseModel() in stage.actions


def test_a_go_away_waits_for_a_tool() -> None:
    stage = handed(Stage().greeted())
    stage.tool_call("t1")
    go_away(stage, 50)
    assert len(dials(stage)) == 1

    stage.tool_finished("t1", ToolAnswer(output={}))

    assert dials(stage) == [None, "h1"]


@pytest.mark.parametrize(("left_s", "after_ms"), [(50, 40_000), (11, 1_000), (10, 0), (1, 0)])
def test_a_go_away_does_not_wait_longer_than_ten_seconds_before_the_end(
    left_s: float, after_ms: int
) -> None:
    stage = handed(Stage().greeted())
    stage.tool_call("t1")
    go_away(stage, left_s)
    stage.pass_ms(after_ms)

    assert dials(stage) == [None, "h1"]
    assert Timer.GO_AWAY not in stage.timers


def test_a_session_without_a_handle_is_left_when_the_next_one_is_there() -> None:
    stage = Stage().greeted()
    go_away(stage, 50)

    assert CloseModel() not in stage.actions
    stage.caller(80, value=WORD)
    assert stage.heard_by_the_model_ms(WORD) == 80, "the old session keeps listening"
    stage.pass_ms(100)
    assert stage.reconnects[0].took_ms == 0
    assert stage.reconnects[0].reason == "the service announced the session's end"


def test_a_next_session_that_does_not_come_is_tried_again_while_the_old_one_lasts() -> None:
    stage = Stage().greeted()
    stage.refusals = [503, 503]
    go_away(stage, 50)
    stage.pass_ms(3_000)

    assert len(dials(stage)) == 4
    assert len(stage.reconnects) == 1
    assert stage.ended_for() is None


# A session is refused


@pytest.mark.parametrize("code", [1007, 1008], ids=["invalid", "expired"])
def test_a_handle_that_is_refused_is_not_tried_twice(code: int) -> None:
    stage = handed(Stage().greeted())
    stage.refusals = [code]
    stage.lose_model()
    stage.pass_ms(300)

    assert dials(stage) == [None, "h1", None]
    assert stage.reconnects[0].took_ms == 200


def test_a_handle_that_fails_twice_is_not_tried_a_third_time() -> None:
    stage = handed(Stage().greeted())
    stage.refusals = [1011, 1011]
    stage.lose_model()
    stage.pass_ms(3_000)

    assert dials(stage) == [None, "h1", "h1", None]


def test_a_session_that_dies_twice_as_soon_as_it_is_resumed_is_not_resumed_again() -> None:
    stage = handed(Stage().greeted())
    for handle in ("h2", "h3"):
        stage.lose_model()
        stage.pass_ms(200)
        handed(stage, handle)
    stage.lose_model()

    assert dials(stage) == [None, "h1", "h2", None]


def test_a_key_that_is_refused_ends_the_call_at_once() -> None:
    stage = Stage()
    stage.handle(StreamStarted(0.0))

    stage.handle(ModelConnectFailed(100.0, "401 refused", 401))

    assert stage.ended_for() is EndReason.MODEL_UNAVAILABLE
    assert SaveCall(CallChanges(model_error="401 refused")) in stage.all(SaveCall)


def test_a_model_that_refuses_at_the_start_is_tried_for_eight_seconds() -> None:
    stage = Stage()
    stage.refusals = [503] * 100
    stage.handle(StreamStarted(0.0))
    stage.handle(ModelConnectFailed(0.0, "503 refused", 503))
    stage.pass_ms(7_000)
    assert stage.ended_for() is None
    stage.pass_ms(1_000)

    assert stage.ended_for() is EndReason.MODEL_UNAVAILABLE


def test_a_fifth_break_in_a_minute_ends_the_call() -> None:
    stage = Stage().greeted()
    for _ in range(4):
        stage.lose_model()
        stage.pass_ms(5_000)
    assert stage.ended_for() is None

    stage.lose_model()

    assert stage.ended_for() is EndReason.MODEL_LOST


# The model is silent


def stalled() -> Stage:
    """A call in which the caller has spoken and the model stays silent."""
    stage = handed(Stage().greeted())
    stage.caller(1_000, value=WORD)
    stage.caller(500, QUIET_DBFS)
    return stage


def test_a_model_that_does_not_answer_is_asked_then_replaced_then_given_up() -> None:
    stage = stalled()
    stage.pass_ms(5_000)
    assert len(stage.told_the_model) == 1
    assert len(dials(stage)) == 1
    stage.pass_ms(3_000)
    assert len(dials(stage)) == 2
    stage.pass_ms(5_200)

    assert stage.ended_for() is EndReason.MODEL_LOST
    assert stage.reconnects[0].reason == "the model was silent"


def test_a_model_that_is_replaced_hears_the_caller_again() -> None:
    stage = stalled()
    sent_ms = stage.heard_by_the_model_ms(WORD)
    stage.pass_ms(8_200)

    assert stage.heard_by_the_model_ms(WORD) == 2 * sent_ms


@pytest.mark.parametrize(
    ("patience", "asked_ms"), [("quick", 4_500), ("normal", 5_000), ("patient", 6_500)]
)
def test_how_long_a_model_may_be_silent_is_as_patient_as_the_agent(
    patience: Literal["quick", "normal", "patient"], asked_ms: int
) -> None:
    stage = Stage(call_of(turn_taking=TurnTaking(patience=patience))).greeted()
    stage.caller(1_000)
    stage.caller(400, QUIET_DBFS)  # silence counts from here
    stage.pass_ms(asked_ms - 10)
    assert stage.told_the_model == []
    stage.pass_ms(10)

    assert len(stage.told_the_model) == 1


def test_a_model_that_answers_in_time_is_asked_nothing() -> None:
    stage = stalled()
    stage.pass_ms(4_000)
    stage.reply("Yes.", 500)
    stage.pass_ms(9_000)

    assert stage.told_the_model == []


def test_a_cough_asks_for_no_answer() -> None:
    stage = Stage().greeted()
    stage.caller(200)
    stage.caller(500, QUIET_DBFS)
    stage.pass_ms(8_000)

    assert stage.told_the_model == []


def test_a_reply_that_does_not_go_on_is_taken_up_by_another_session() -> None:
    stage = Stage().greeted()
    stage.caller_says("Tell me.")
    stage.agent_text("It is")
    stage.audio(500)
    stage.pass_ms(3_600)

    assert len(dials(stage)) == 2
    stage.pass_ms(200)
    [go_on] = stage.told_the_model
    assert "It is" in go_on


def test_a_reply_that_stops_although_nobody_spoke_is_taken_up() -> None:
    stage = Stage().greeted()
    stage.caller_says("Tell me.")
    stage.agent_text("It has three parts and they are many.")
    stage.audio(4_000)
    stage.pass_ms(3_500)
    stage.interrupted()
    stage.turn_completed()
    stage.pass_ms(2_600)

    [go_on] = stage.told_the_model
    assert "It has three parts" in go_on
    assert len(dials(stage)) == 1


# While no session listens


def test_a_break_that_takes_longer_is_covered_by_a_tone() -> None:
    stage = Stage().greeted()
    stage.refusals = [503] * 3
    stage.lose_model()
    stage.pass_ms(500)
    assert stage.all(PlayTone) == []
    stage.pass_ms(200)
    assert len(stage.all(PlayTone)) == 1

    stage.pass_ms(2_000)

    assert stage.reconnects, "the model didn't come back"
    assert stage.actions.count(ClearPlayback()) == 1, "the tone didn't stop"


def test_a_short_break_is_not_heard() -> None:
    stage = Stage().greeted()
    stage.lose_model()
    stage.pass_ms(3_000)

    assert stage.all(PlayTone) == []


def test_an_edit_in_a_fresh_session_leaves_it_what_was_said() -> None:
    stage = Stage().greeted("Anvil and Sons.")
    stage.lose_model()
    stage.pass_ms(200)
    agent = msgspec.structs.replace(an_agent(), instructions="Offer the discount.")
    stage.handle(AgentEdited(stage.now_ms, agent, agent.revision))

    [update] = stage.all(UpdateModelContext)
    assert "Offer the discount." in update.instructions
    assert "You: Anvil and Sons." in update.instructions


# The service notices an interruption late

LONG_REPLY = "one two three four five six seven eight"


def explaining() -> Stage:
    """A call in which a long reply has been sent and is playing."""
    stage = Stage().greeted()
    stage.caller_says("When are you open?")
    stage.reply(LONG_REPLY, 8_000)
    stage.pass_ms(1_000)
    return stage


def test_a_reply_goes_on_after_a_cough_that_the_service_notices_late() -> None:
    stage = explaining()
    stage.caller(300)
    stage.caller(600, QUIET_DBFS)

    stage.interrupted()
    stage.turn_completed()
    stage.caller(2_500, QUIET_DBFS)

    [text] = stage.told_the_model
    assert "cut off" in text


def test_a_question_that_the_service_notices_late_is_owed_an_answer() -> None:
    stage = explaining()
    stage.caller(1_200)
    stage.caller(600, QUIET_DBFS)

    stage.interrupted()
    stage.turn_completed()
    stage.caller(6_000, QUIET_DBFS)

    [text] = stage.told_the_model
    assert "the caller waits" in text


def test_a_reply_that_is_dropped_for_what_came_before_it_goes_on() -> None:
    stage = Stage().greeted()
    stage.pass_ms(500)
    stage.caller_says("When are you open?")
    stage.reply(LONG_REPLY, 8_000)
    stage.pass_ms(1_200)

    stage.interrupted()
    stage.turn_completed()
    stage.caller(2_500, QUIET_DBFS)

    [text] = stage.told_the_model
    assert "cut off" in text


@pytest.mark.parametrize("hello_ms", [340, 480, 700])
def test_short_hellos_without_words_are_helped_within_eight_seconds(hello_ms: float) -> None:
    stage = Stage().greeted()
    stage.caller(2_000, QUIET_DBFS)
    asked_ms = stage.now_ms

    while not stage.told_the_model:
        stage.caller(hello_ms)
        stage.caller(4_000, QUIET_DBFS)
        assert stage.now_ms - asked_ms < 8_000 + hello_ms + 4_000

    [due_ms] = [e.at_ms for e in stage.happened if isinstance(e, TimerFired)][-1:]
    assert due_ms - asked_ms <= 8_000

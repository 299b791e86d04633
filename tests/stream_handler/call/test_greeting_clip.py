"""A greeting clip: played immediately, never repeated, and interrupted by the caller."""

import itertools

import pytest

from ringdown.calls import EndReason, Speaker, Turn
from ringdown.tools import ToolAnswer
from stream_handler.call.actions import (
    ClearPlayback,
    ConnectModel,
    PlayAudio,
    PlayRingback,
    PlayTone,
    SendMark,
    SendModelText,
)
from stream_handler.call.events import (
    DrainRequested,
    ModelConnected,
    ModelConnectFailed,
    ResumptionUpdated,
    StreamStarted,
    StreamStopped,
)
from tests.ringdown.samples import a_call
from tests.stream_handler.call.line import BYTES_PER_MS, Line
from tests.stream_handler.call.stage import QUIET_DBFS, Stage, call_of

GREETING = "Hello, this is Anvil and Sons. How can I help you today?"
CLIP, REPLY, VOICE, HUSH = 5, 6, 8, 9
"""The values of the bytes of the clip, a reply, the caller's voice and their silence."""
CLIP_MS = 3_000
OPENING = "The caller is on the line now. Greet them"


def started(*, protected: bool = True, line: Line | None = None) -> Stage:
    """The stream has begun and the clip is playing; the model isn't connected yet."""
    call = call_of(greeting=GREETING, protect_greeting=protected)
    stage = Stage(call, line=line)
    stage.handle(StreamStarted(0.0, greeting=bytes([CLIP]) * (CLIP_MS * BYTES_PER_MS)))
    return stage


def connect(stage: Stage) -> Stage:
    stage.handle(ModelConnected(stage.now_ms))
    return stage


def says(stage: Stage, length_ms: float, then_silent_ms: float = 600) -> None:
    stage.caller(length_ms, value=VOICE)
    stage.caller(then_silent_ms, QUIET_DBFS, value=HUSH)


def instructions(stage: Stage) -> str:
    return stage.all(ConnectModel)[-1].config.instructions


def told(stage: Stage) -> list[str]:
    return [action.text for action in stage.all(SendModelText)]


# The caller says nothing


def test_it_is_played_before_anything_else_is_done_with_a_mark_every_200_ms() -> None:
    stage = started()

    done = stage.actions
    first_other = next(n for n, a in enumerate(done) if not isinstance(a, PlayAudio | SendMark))
    played = [a for a in done[:first_other] if isinstance(a, PlayAudio)]
    assert isinstance(done[first_other], ConnectModel)
    assert sum(len(a.mulaw) for a in played) == CLIP_MS * BYTES_PER_MS
    assert all(len(a.mulaw) <= 200 * BYTES_PER_MS for a in played)
    assert len(stage.all(SendMark)) == CLIP_MS / 200


def test_the_session_is_told_what_has_been_said_and_asked_for_nothing() -> None:
    stage = connect(started())

    assert f'you have just greeted them: "{GREETING}"' in instructions(stage)
    assert "You are in the middle of this call" not in instructions(stage)
    stage.caller(20_000, QUIET_DBFS)
    assert not [text for text in told(stage) if "still there" not in text]


def test_it_is_a_turn_of_the_agent() -> None:
    stage = connect(started())
    stage.pass_ms(CLIP_MS + 100)

    assert stage.record.told() == [(Speaker.AGENT, GREETING)]
    [turn] = stage.record.by(Speaker.AGENT)
    assert (turn.start_ms, turn.interrupted, turn.reply_ms) == (0, False, None)
    assert CLIP_MS <= turn.end_ms <= CLIP_MS + 50


@pytest.mark.parametrize("opens_after_ms", [100, 1_500, 2_990, 3_010, 4_500, 7_900])
def test_nobody_hears_ringback_or_is_greeted_twice(opens_after_ms: int) -> None:
    stage = started()
    stage.pass_ms(opens_after_ms)
    connect(stage)
    stage.pass_ms(8_000)

    assert not stage.all(PlayRingback) + stage.all(PlayTone)
    assert not [text for text in told(stage) if OPENING in text or "you are back" in text]
    assert stage.ended_for() is None


def test_a_first_turn_without_a_word_is_nothing() -> None:
    stage = connect(started())
    stage.turn_completed()
    stage.caller(9_000, QUIET_DBFS)

    assert told(stage) == []


def test_a_caller_who_is_silent_is_asked_as_after_any_greeting() -> None:
    stage = connect(started())
    stage.caller(CLIP_MS + 9_800, QUIET_DBFS)
    assert told(stage) == []
    stage.caller(400, QUIET_DBFS)

    assert ["still there" in text for text in told(stage)] == [True]


def test_what_the_model_says_meanwhile_is_heard_after_it() -> None:
    """It may have heard someone who speaks too softly for our detector."""
    stage = connect(started(protected=False))
    stage.reply("Anything else?", 1_000, REPLY)
    stage.pass_ms(CLIP_MS - 100)
    assert stage.played_ms(REPLY) == 0
    stage.pass_ms(1_300)

    assert (stage.played_ms(CLIP), stage.played_ms(REPLY)) == (CLIP_MS, 1_000)
    assert [text for _, text in stage.record.told()] == [GREETING, "Anything else?"]


def test_a_model_that_greets_all_the_same_is_not_heard() -> None:
    stage = connect(started())
    stage.pass_ms(600)
    stage.agent_text("Hello! How can I help?")
    for _ in range(30):
        stage.audio(40, REPLY)
        stage.pass_ms(100)
    stage.turn_completed()
    stage.pass_ms(1_000)
    stage.caller_says("When is my delivery?")
    stage.reply("On Thursday.", 500, REPLY)
    stage.pass_ms(700)

    assert (stage.played_ms(CLIP), stage.played_ms(REPLY)) == (CLIP_MS, 500)
    assert [text for _, text in stage.record.told()] == [
        GREETING,
        "When is my delivery?",
        "On Thursday.",
    ]


def test_what_it_has_been_asked_for_is_heard() -> None:
    stage = connect(started())
    stage.types("7")
    stage.pass_ms(2_100)
    for _ in range(2):
        stage.audio(500, REPLY)
    stage.pass_ms(2_000)

    assert stage.played_ms(REPLY) == 1_000


def test_what_a_tool_has_told_it_is_heard() -> None:
    stage = connect(started())
    stage.tool_call("t1")
    stage.tool_finished("t1", ToolAnswer(output={"status": "active"}))
    stage.reply("Your account is active.", 500, REPLY)
    stage.pass_ms(CLIP_MS + 700)

    assert stage.played_ms(REPLY) == 500


@pytest.mark.parametrize("protected", [True, False])
def test_a_model_that_interrupts_itself_does_not_stop_it(protected: bool) -> None:
    stage = connect(started(protected=protected))
    stage.pass_ms(1_000)
    if protected:
        stage.audio(500, REPLY)
    stage.interrupted()
    stage.turn_completed()
    stage.caller(CLIP_MS + 4_000, QUIET_DBFS)

    assert stage.played_ms(CLIP) == CLIP_MS
    assert told(stage) == [], "the greeting isn't repeated"


def test_words_of_a_reply_that_is_dropped_behind_it_are_not_recorded() -> None:
    stage = connect(started(protected=True))
    stage.tool_call("t1", args={"account": 1})
    stage.agent_text("Well, ")
    stage.audio(300, REPLY)
    stage.interrupted()
    stage.agent_text("late words")
    stage.caller(CLIP_MS + 4_000, QUIET_DBFS)

    assert stage.played_ms(CLIP) == CLIP_MS
    assert [turn.text for turn in stage.record.by(Speaker.AGENT)] == [GREETING, "Well,"]


def test_a_reply_behind_it_stops_with_it_and_was_not_heard() -> None:
    stage = connect(started(protected=False))
    stage.reply("Anything else?", 1_000, REPLY)
    stage.caller(980, QUIET_DBFS)
    says(stage, 900)
    stage.interrupted()
    stage.turn_completed()
    stage.reply("On Thursday.", 500, REPLY)
    stage.pass_ms(700)

    assert stage.played_ms(REPLY) == 500
    cut, reply = stage.record.by(Speaker.AGENT)
    assert cut.interrupted
    assert GREETING.startswith(cut.text)
    assert reply.text == "On Thursday."


# The caller talks over it


def test_protected_it_is_heard_out_and_the_question_is_heard_afterwards() -> None:
    stage = connect(started())
    says(stage, 1_600)
    assert stage.heard_by_the_model_ms(VOICE) == 0
    stage.caller(1_500, QUIET_DBFS, value=HUSH)

    assert stage.played_ms(CLIP) == CLIP_MS
    assert stage.heard_by_the_model_ms(VOICE) == 1_600
    assert not stage.all(ClearPlayback)


def test_protected_a_hello_is_forgotten() -> None:
    stage = connect(started())
    says(stage, 600)
    stage.caller(9_000, QUIET_DBFS, value=HUSH)

    assert stage.heard_by_the_model_ms(VOICE) == 0
    assert told(stage) == []


@pytest.mark.parametrize("opens_after_ms", [1_000, 3_500, 6_000])
def test_a_question_that_ends_before_the_session_opens_is_heard(opens_after_ms: int) -> None:
    stage = started()
    says(stage, 1_600, 0)
    stage.caller(max(opens_after_ms - 1_600, 0), QUIET_DBFS, value=HUSH)
    connect(stage)
    stage.caller(2_000, QUIET_DBFS, value=HUSH)

    assert stage.heard_by_the_model_ms(VOICE) == 1_600


def test_protected_it_is_heard_out_even_if_the_session_is_lost_meanwhile() -> None:
    stage = connect(started())
    stage.lose_model()
    says(stage, 600)
    stage.pass_ms(CLIP_MS)

    assert stage.played_ms(CLIP) == CLIP_MS
    assert f'just greeted them: "{GREETING}"' in instructions(stage)


@pytest.mark.parametrize("open_", [True, False], ids=["open", "opening"])
def test_unprotected_it_stops_after_300_ms_of_speech(open_: bool) -> None:
    stage = started(protected=False)
    if open_:
        connect(stage)
    stage.caller(980, QUIET_DBFS, value=HUSH)
    stage.caller(280, value=VOICE)
    assert not stage.all(ClearPlayback)
    stage.caller(720, value=VOICE)

    assert len(stage.all(ClearPlayback)) == 1
    assert 1_280 <= stage.played_ms(CLIP) <= 1_320
    [turn] = stage.record.by(Speaker.AGENT)
    assert turn.interrupted
    assert GREETING.startswith(turn.text)
    assert 3 <= len(turn.text.split()) <= 6


def test_unprotected_a_click_does_not_stop_it() -> None:
    stage = connect(started(protected=False))
    stage.caller(100, value=VOICE)
    stage.caller(CLIP_MS, QUIET_DBFS, value=HUSH)

    assert stage.played_ms(CLIP) == CLIP_MS


@pytest.mark.parametrize("noise_dbfs", [-45.0, -35.0, -20.0])
def test_unprotected_a_fan_does_not_stop_it_and_a_voice_over_the_fan_does(
    noise_dbfs: float,
) -> None:
    stage = connect(started(protected=False))
    stage.caller(1_500, noise_dbfs)
    assert not stage.all(ClearPlayback)
    for level_db in (9, 12, 6, 3, 9) * 5:
        stage.caller(20, noise_dbfs + level_db, value=VOICE)

    assert len(stage.all(ClearPlayback)) == 1
    assert 1_500 < stage.played_ms(CLIP) < 2_000


def test_after_it_speech_stops_nothing() -> None:
    stage = connect(started(protected=False))
    stage.caller(CLIP_MS + 100, QUIET_DBFS, value=HUSH)
    stage.audio(2_000, REPLY)
    stage.caller(1_000, value=VOICE)

    assert not stage.all(ClearPlayback), "that is for the model to decide"


def test_the_next_text_says_what_was_heard_of_it() -> None:
    stage = connect(started(protected=False))
    stage.caller(1_000, QUIET_DBFS)
    says(stage, 900)
    stage.reply("Yes, please?", 500)
    stage.pass_ms(2_000)
    assert told(stage) == []
    stage.types("7")
    stage.pass_ms(2_500)
    stage.types("8")
    stage.pass_ms(2_500)

    heard = stage.record.by(Speaker.AGENT)[0].text
    first, second, *_ = told(stage)
    assert first.startswith(f'The caller interrupted your greeting and heard only "{heard}". ')
    assert first.endswith("typed 7 on the phone's keypad.")
    assert second == "The caller typed 8 on the phone's keypad."


def test_a_session_that_opens_after_the_cut_knows_what_was_heard() -> None:
    stage = started(protected=False)
    stage.caller(1_000, QUIET_DBFS)
    stage.caller(500, value=VOICE)
    stage.handle(ModelConnectFailed(stage.now_ms, "refused", 503))
    stage.caller(400, value=VOICE)
    stage.pass_ms(300)
    stage.caller(100, QUIET_DBFS)

    heard = stage.record.by(Speaker.AGENT)[0].text
    assert heard in instructions(stage)
    assert GREETING not in instructions(stage)
    assert stage.heard_by_the_model_ms(VOICE) == 900
    stage.types("7")
    stage.pass_ms(2_500)
    assert told(stage)[0] == "The caller typed 7 on the phone's keypad."


def resumed_after_the_cut() -> Stage:
    """A call whose clip was cut; its resumed session still believes it was heard in full."""
    stage = connect(started(protected=False))
    stage.handle(ResumptionUpdated(stage.now_ms, "h1"))
    stage.pass_ms(1_000)
    says(stage, 900)
    stage.lose_model()
    stage.pass_ms(300)
    return stage


def test_a_session_that_is_resumed_is_told_too() -> None:
    stage = resumed_after_the_cut()
    stage.reply("Yes, please?", 500)
    stage.pass_ms(700)
    stage.types("7")
    stage.pass_ms(2_500)

    assert [text.startswith("The caller interrupted your greeting") for text in told(stage)] == [
        True
    ]


def test_one_resumed_after_a_reply_does_not_take_that_for_the_greeting() -> None:
    stage = connect(started())
    stage.pass_ms(CLIP_MS + 100)
    stage.handle(ResumptionUpdated(stage.now_ms, "h1"))
    stage.reply("Anything else?", 1_000)
    stage.pass_ms(1_200)
    stage.lose_model()
    stage.pass_ms(300)

    assert stage.all(ConnectModel)[-1].config.handle == "h1"
    assert "just greeted" not in instructions(stage)


def test_a_short_word_before_the_session_is_open_is_not_lost() -> None:
    stage = started(protected=False)
    says(stage, 400, 1_500)
    connect(stage)

    assert stage.heard_by_the_model_ms(VOICE) == 400
    assert stage.reconnects == ()


def test_a_key_stops_it_if_it_is_not_protected() -> None:
    stage = connect(started(protected=False))
    stage.types("1")

    assert len(stage.all(ClearPlayback)) == 1


def test_a_caller_who_waits_for_the_session_hears_a_tone_not_ringing() -> None:
    stage = started()
    stage.caller(CLIP_MS + 200, QUIET_DBFS)
    says(stage, 1_000)
    stage.caller(700, QUIET_DBFS)

    assert stage.all(PlayTone)
    assert not stage.all(PlayRingback)


# No model, hand-over, hang-up


def test_a_model_that_is_not_to_be_had_ends_the_call_after_the_clip() -> None:
    stage = started()
    stage.pass_ms(500)
    stage.handle(ModelConnectFailed(stage.now_ms, "key refused", 403))
    stage.pass_ms(CLIP_MS - 600)
    assert stage.ended_for() is None
    stage.pass_ms(300)

    assert stage.ended_for() is EndReason.MODEL_UNAVAILABLE
    assert stage.played_ms(CLIP) == CLIP_MS
    assert stage.record.told() == [(Speaker.AGENT, GREETING)]


def test_without_a_mark_it_ends_all_the_same() -> None:
    line = Line()
    line.echoing = False
    stage = started(line=line)
    stage.handle(ModelConnectFailed(stage.now_ms, "key refused", 403))
    stage.pass_ms(CLIP_MS + 1_100)

    assert stage.ended_for() is EndReason.MODEL_UNAVAILABLE


def test_a_model_that_fails_after_the_clip_ends_the_call_at_once() -> None:
    stage = started()
    stage.pass_ms(CLIP_MS + 100)
    stage.handle(ModelConnectFailed(stage.now_ms, "key refused", 403))

    assert stage.ended_for() is EndReason.MODEL_UNAVAILABLE


def test_a_session_that_opens_at_the_second_try_is_no_reconnect() -> None:
    stage = started()
    stage.handle(ModelConnectFailed(stage.now_ms, "try later", 503))
    stage.pass_ms(600)

    assert stage.model_is_there
    assert stage.reconnects == ()
    assert told(stage) == []


def test_it_is_heard_before_the_call_is_handed_over() -> None:
    stage = connect(started())
    stage.pass_ms(1_000)
    stage.handle(DrainRequested(stage.now_ms, 8_000))
    stage.pass_ms(1_900)
    assert stage.ended_for() is None
    stage.pass_ms(300)

    assert stage.ended_for() is EndReason.HANDLER_STOPPED
    assert stage.record.told() == [(Speaker.AGENT, GREETING)]


def test_of_a_caller_who_hangs_up_the_record_has_what_they_heard() -> None:
    stage = connect(started())
    stage.pass_ms(1_500)
    stage.handle(StreamStopped(stage.now_ms))

    [turn] = stage.record.by(Speaker.AGENT)
    assert turn.interrupted
    assert GREETING.startswith(turn.text)


def test_a_call_that_goes_on_later_knows_that_the_caller_was_greeted() -> None:
    history = (Turn(n=1, speaker=Speaker.AGENT, text=GREETING, start_ms=0, end_ms=3_000),)
    stage = Stage(a_call(attempt=2), history=history).begun()

    assert GREETING in instructions(stage)
    assert OPENING not in told(stage)[0]


# A hundred calls

SPEAKS_AT_MS = (200, 1_000, 2_000, 4_000)
OPENS_AFTER_MS = (0, 350, 900, 2_950, 5_500)


@pytest.mark.parametrize("speaks_at_ms", SPEAKS_AT_MS)
@pytest.mark.parametrize("opens_after_ms", OPENS_AFTER_MS)
def test_no_caller_is_greeted_twice_whenever_they_speak(
    speaks_at_ms: int, opens_after_ms: int
) -> None:
    """No question is lost, either. There are twenty combinations of when the caller speaks and when
    the session opens, each tried with and without protection, with a word and with a question,
    and once more with a silent caller: a hundred calls."""
    lengths = [(protected, length) for protected in (True, False) for length in (500, 1_800)]
    for protected, speaks_ms in [*lengths, (True, 0)]:
        stage = a_call_in_which(speaks_at_ms, opens_after_ms, protected, speaks_ms)
        case = f"{protected=} {speaks_ms=}"

        assert not [text for text in told(stage) if OPENING in text], case
        assert stage.played_ms(CLIP) <= CLIP_MS, case
        greetings = [turn for turn in stage.record.by(Speaker.AGENT) if turn.start_ms == 0]
        assert len(greetings) == 1, case
        if protected:
            assert stage.played_ms(CLIP) == CLIP_MS, case
        if speaks_ms > 1_200 or (speaks_ms and not protected):
            assert stage.heard_by_the_model_ms(VOICE) == speaks_ms, case


def a_call_in_which(at_ms: int, opens_after_ms: int, protected: bool, speaks_ms: int) -> Stage:
    stage = started(protected=protected)
    frames = itertools.count(step := 20, step)
    while (now_ms := next(frames)) <= 9_000:
        if not stage.model_is_there and now_ms > opens_after_ms:
            connect(stage)
        if at_ms < now_ms <= at_ms + speaks_ms:
            stage.caller(step, value=VOICE)
        else:
            stage.caller(step, QUIET_DBFS, value=HUSH)
    return stage

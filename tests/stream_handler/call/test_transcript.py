import pytest

from ringdown.calls import Speaker
from stream_handler.call.actions import SaveCall
from stream_handler.call.events import StreamStopped
from tests.stream_handler.call.stage import QUIET_DBFS, Stage

CALLER, AGENT = Speaker.CALLER, Speaker.AGENT


def test_a_conversation_is_recorded_in_order() -> None:
    stage = Stage().greeted("Hello, how can I help?")
    stage.caller_says("What is my balance?")
    stage.reply("It is ten dollars.", 1_200)
    stage.pass_ms(1_500)

    assert stage.record.told() == [
        (AGENT, "Hello, how can I help?"),
        (CALLER, "What is my balance?"),
        (AGENT, "It is ten dollars."),
    ]


def test_reply_time_counts_from_the_callers_last_voiced_frame() -> None:
    stage = Stage().greeted()
    stage.caller(1_000)
    spoken_ms = stage.now_ms
    stage.caller(400, QUIET_DBFS)
    stage.caller_text("Hello?")
    stage.pass_ms(250)
    stage.reply("Yes?", 300)
    answered_ms = stage.now_ms
    stage.pass_ms(400)

    reply = stage.record.by(AGENT)[-1]
    assert reply.reply_ms == answered_ms - spoken_ms == 650


def test_a_greeting_nobody_asked_for_has_no_reply_time() -> None:
    stage = Stage().greeted()

    assert stage.record.turns[1].reply_ms is None


def test_a_reply_after_a_barge_in_has_its_reply_time() -> None:
    """Audio in flight when the caller started speaking isn't a reply to them."""
    stage = Stage().greeted()
    stage.audio(2_000)
    stage.caller(300)
    stage.audio(100)
    stage.interrupted()
    stage.turn_completed()
    stage.caller(700)
    stage.caller(500, QUIET_DBFS)

    stage.reply("Sorry, go on.", 500)
    stage.pass_ms(600)

    assert stage.record.by(AGENT)[-1].reply_ms == 500


def test_an_interrupted_turn_tells_what_was_heard_and_how_fast_it_stopped() -> None:
    stage = Stage().greeted()
    stage.agent_text("one two three four five six seven eight nine ten")
    stage.audio(2_000)
    stage.pass_ms(500)
    stage.caller(300)

    stage.interrupted()

    turn = stage.record.by(AGENT)[-1]
    assert turn.interrupted
    assert turn.text == "one two three four"
    assert turn.barge_in_ms == 300


def test_a_turn_of_which_nothing_was_heard_is_not_recorded() -> None:
    stage = Stage().greeted()
    stage.agent_text("Never mind.")
    stage.audio(1_000)

    stage.interrupted()
    stage.caller_says("Hello?")
    stage.reply("Hello.", 300)
    stage.pass_ms(400)

    assert [n for n, _ in sorted(stage.record.turns.items())] == [1, 2, 3], "a gap in the numbers"
    assert (AGENT, "Never mind.") not in stage.record.told()


def test_text_that_runs_ahead_of_its_audio_belongs_to_it() -> None:
    stage = Stage().begun()
    stage.agent_text("I will ")
    stage.agent_text("look.")
    stage.audio(300)
    stage.agent_text(" Wait.")
    stage.generation_completed()
    stage.turn_completed()
    stage.pass_ms(400)

    assert stage.record.told() == [(AGENT, "I will look. Wait.")]


def test_two_replies_in_the_line_are_two_turns() -> None:
    stage = Stage().begun()
    stage.reply("First.", 1_000, value=1)
    stage.reply("Second.", 1_000, value=2)
    stage.pass_ms(2_200)

    assert stage.record.told() == [(AGENT, "First."), (AGENT, "Second.")]


def test_an_interruption_between_two_replies_closes_both_truthfully() -> None:
    stage = Stage().begun()
    stage.reply("First it was.", 1_000, value=1)
    stage.reply("Second it would be.", 1_000, value=2)
    stage.pass_ms(1_100)
    stage.interrupted()

    first, second = stage.record.by(AGENT)
    assert not first.interrupted
    assert first.text == "First it was."
    assert second.interrupted
    assert second.text == ""


def test_text_of_an_interrupted_reply_does_not_leak_into_the_next() -> None:
    stage = Stage().greeted()
    stage.agent_text("You owe")
    stage.audio(1_000)
    stage.pass_ms(400)
    stage.interrupted()
    stage.agent_text(" us a fortune")
    stage.turn_completed()

    stage.reply("Sorry?", 300)
    stage.pass_ms(400)

    assert stage.record.by(AGENT)[-1].text == "Sorry?"


def test_text_of_a_reply_interrupted_before_its_first_sound_is_forgotten() -> None:
    stage = Stage().greeted()
    stage.agent_text("You owe us")
    stage.interrupted()

    stage.reply("Sorry?", 300)
    stage.pass_ms(400)

    assert stage.record.by(AGENT)[-1].text == "Sorry?"


def test_a_late_caller_transcript_amends_the_turn_that_was_answered() -> None:
    stage = Stage().greeted()
    stage.caller(800)
    stage.caller(400, QUIET_DBFS)
    stage.caller_text("What is")
    stage.audio(2_000)
    stage.pass_ms(300)

    [save] = [a for a in stage.actions if isinstance(a, SaveCall)][-1:]
    assert save.changes.turns[0].text == "What is"
    stage.caller_text(" my balance?")

    [turn] = stage.record.by(CALLER)
    assert turn.text == "What is my balance?"
    assert [version.text for version in stage.record.turn_versions if version.n == turn.n] == [
        "What is",
        "What is my balance?",
    ]


def test_a_transcript_that_comes_only_after_the_answer_began_is_numbered_before_it() -> None:
    stage = Stage().greeted()
    stage.caller(800)
    stage.caller(400, QUIET_DBFS)
    stage.agent_text("Ten dollars.")
    stage.audio(1_000)
    stage.pass_ms(300)
    stage.caller_text("My balance?")
    stage.generation_completed()
    stage.pass_ms(1_000)

    assert stage.record.told()[1:] == [(CALLER, "My balance?"), (AGENT, "Ten dollars.")]


def test_text_that_trails_behind_a_short_reply_still_belongs_to_it() -> None:
    stage = Stage().greeted()
    stage.caller_says("Is it open?")
    stage.agent_text("Yes,")
    stage.audio(300)
    stage.generation_completed()
    stage.pass_ms(500)
    stage.agent_text(" it is.")
    stage.turn_completed()
    stage.agent_text("Anything else?")
    stage.audio(500)
    stage.generation_completed()
    stage.pass_ms(1_000)

    assert stage.record.told()[2:] == [(AGENT, "Yes, it is."), (AGENT, "Anything else?")]


def test_noise_without_a_transcript_is_no_turn() -> None:
    stage = Stage().greeted()
    stage.caller(600)
    stage.caller(500, QUIET_DBFS)
    stage.reply("Are you there?", 500)
    stage.pass_ms(600)

    assert stage.record.by(CALLER) == []
    assert sorted(stage.record.turns) == [1, 2]


def test_a_caller_too_soft_for_our_ear_still_gets_turns_of_their_own() -> None:
    stage = Stage().greeted()
    for question, answer in (("First question?", "Yes."), ("Second question?", "No.")):
        stage.caller(8_200, QUIET_DBFS)
        stage.caller_text(question)
        stage.reply(answer, 400)
        stage.pass_ms(500)

    assert stage.record.told()[1:] == [
        (CALLER, "First question?"),
        (AGENT, "Yes."),
        (CALLER, "Second question?"),
        (AGENT, "No."),
    ]


def test_late_text_is_the_questions_though_the_caller_has_said_okay_since() -> None:
    stage = Stage().greeted()
    stage.caller(1_000)
    stage.caller(500, QUIET_DBFS)
    stage.reply("We are open from nine to five each day.", 6_000)
    stage.pass_ms(1_000)
    stage.caller(300)
    stage.caller(500, QUIET_DBFS)

    for part in ("When are", " you open", " on Saturdays?"):
        stage.caller_text(part)
        stage.pass_ms(200)
    stage.pass_ms(1_000)
    stage.caller_text("Okay.")
    stage.caller(11_000, QUIET_DBFS)

    assert stage.record.by(CALLER)[0].text == "When are you open on Saturdays?"
    assert not any("the caller waits" in text for text in stage.told_the_model)


def test_text_of_a_question_over_the_answer_is_its_own() -> None:
    stage = Stage().greeted()
    stage.caller_says("When are you open?")
    stage.reply("We are open from nine to five each day.", 6_000)
    stage.pass_ms(1_000)
    stage.caller_says("And what about Sundays?")
    stage.caller(11_000, QUIET_DBFS)

    assert any("the caller waits" in text for text in stage.told_the_model)


def test_a_soft_caller_who_is_quick_is_owed_each_answer() -> None:
    stage = Stage().greeted()
    stage.caller_text("A table please.")
    stage.reply("For how many?", 900)
    stage.pass_ms(3_000)
    stage.caller_text("For four.")
    stage.pass_ms(6_000)
    assert len(stage.told_the_model) == 1

    stage.reply("Good.", 400)
    stage.pass_ms(500)

    assert [turn.speaker for turn in stage.record.turns.values()] == [AGENT, CALLER] * 2 + [AGENT]
    assert stage.record.by(AGENT)[-1].reply_ms is None, "it isn't known when they stopped"


def test_the_rest_of_a_soft_callers_words_is_no_turn_of_its_own() -> None:
    stage = Stage().greeted()
    stage.caller_text("A table")
    stage.pass_ms(800)
    stage.reply("For how many?", 900)
    stage.caller_text(" please.")
    stage.pass_ms(7_000)

    assert stage.record.by(CALLER)[0].text == "A table please."
    assert stage.told_the_model == []


@pytest.mark.parametrize("text", ["Okay.", "For four people, at eight."])
def test_words_of_a_soft_caller_while_the_agent_speaks_ask_for_nothing(text: str) -> None:
    stage = Stage().greeted()
    stage.caller_text("A table please.")
    stage.reply("A long answer. Which day suits you?", 6_000)
    stage.pass_ms(3_000)
    stage.caller_text(text)
    stage.pass_ms(9_000)

    assert stage.told_the_model == []


def test_the_agents_question_is_no_late_answer_to_a_noise() -> None:
    stage = Stage().greeted()
    stage.caller_says("A table please.")
    stage.reply("For how many?", 900)
    stage.pass_ms(1_500)
    stage.caller(300)
    stage.caller(11_000, QUIET_DBFS)

    stage.reply("Are you still there?", 900)
    stage.pass_ms(1_000)

    assert stage.record.by(AGENT)[-1].reply_ms is None


def test_a_hang_up_saves_what_was_said_so_far() -> None:
    stage = Stage().greeted()
    stage.caller_says("Hello?")
    stage.agent_text("one two three four")
    stage.audio(1_000)
    stage.pass_ms(500)

    stage.handle(StreamStopped(stage.now_ms))

    assert stage.record.told()[1:] == [(CALLER, "Hello?"), (AGENT, "one two")]
    assert stage.record.turns[3].interrupted


def test_a_hang_up_in_mid_word_times_the_callers_turn_to_their_last_frame() -> None:
    stage = Stage().greeted()
    begun_ms = stage.now_ms
    stage.caller(800)
    stage.caller_text("Never mi")

    stage.handle(StreamStopped(stage.now_ms))

    turn = stage.record.by(CALLER)[-1]
    assert (turn.start_ms, turn.end_ms) == (begun_ms, begun_ms + 800)


def test_text_is_tidied() -> None:
    stage = Stage().begun()
    stage.reply("  Hello,\n  there. ", 300)
    stage.pass_ms(400)

    assert stage.record.told() == [(AGENT, "Hello, there.")]

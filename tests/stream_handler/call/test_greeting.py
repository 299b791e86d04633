"""The protected greeting is heard out, and nothing said over it is lost."""

from collections.abc import Callable

import pytest

from ringdown.calls import Speaker, Turn
from stream_handler.call.actions import SendModelAudio
from tests.stream_handler.call.stage import QUIET_DBFS, Stage, call_of

VOICE, HUSH = 8, 9
"""The values of the caller's bytes, with and without voice."""


def greeting(stage: Stage | None = None, length_ms: float = 4_000) -> Stage:
    """The greeting has been sent and begins to play."""
    stage = (stage or Stage()).begun()
    stage.agent_text("Hello, this is Anvil and Sons.")
    stage.audio(length_ms)
    stage.generation_completed()
    return stage


def says(stage: Stage, length_ms: float, then_silent_ms: float = 600) -> None:
    stage.caller(length_ms, value=VOICE)
    stage.caller(then_silent_ms, QUIET_DBFS, value=HUSH)


def heard(stage: Stage) -> float:
    return stage.heard_by_the_model_ms(VOICE)


def test_the_model_hears_silence_of_the_same_length() -> None:
    stage = greeting()

    stage.caller(1_000, value=VOICE)

    assert [len(a.pcm) for a in stage.all(SendModelAudio)] == [640] * 50
    assert heard(stage) == 0


def test_a_hello_over_the_greeting_is_forgotten() -> None:
    stage = greeting()

    says(stage, 700)
    stage.caller(4_000, QUIET_DBFS, value=HUSH)

    assert heard(stage) == 0


def test_two_hellos_are_no_more_than_one() -> None:
    stage = greeting()

    says(stage, 500)
    stage.caller(1_000, QUIET_DBFS, value=HUSH)
    says(stage, 500)
    stage.pass_ms(4_000)

    assert heard(stage) == 0, "the pause between them was taken for speech"


def test_a_question_over_the_greeting_reaches_the_model_once_that_is_heard() -> None:
    stage = greeting()

    says(stage, 1_600)
    assert heard(stage) == 0
    stage.pass_ms(4_000)

    assert heard(stage) == 1_600
    assert all(len(a.pcm) <= 32_000 for a in stage.all(SendModelAudio)), "longer than 1 s"


def test_a_sentence_that_goes_on_beyond_the_greeting_has_its_beginning() -> None:
    stage = greeting(length_ms=2_000)

    stage.caller(1_600, QUIET_DBFS, value=HUSH)
    stage.caller(3_000, value=VOICE)

    assert heard(stage) == 3_000


def test_of_a_hello_and_a_sentence_that_goes_on_the_model_hears_the_sentence() -> None:
    stage = greeting(length_ms=3_000)

    stage.caller(500, value=7)
    stage.caller(2_000, QUIET_DBFS, value=HUSH)
    stage.caller(2_000, value=VOICE)

    assert (stage.heard_by_the_model_ms(7), heard(stage)) == (0, 2_000)


def test_at_most_15_s_are_kept() -> None:
    stage = greeting(length_ms=25_000)

    stage.caller(24_000, value=VOICE)
    stage.pass_ms(1_100)

    assert 14_000 < heard(stage) <= 15_100


def test_after_the_greeting_every_frame_goes_up_as_it_comes() -> None:
    stage = Stage().greeted()

    stage.caller(1_000, value=VOICE)

    assert heard(stage) == 1_000


def test_an_interruption_ends_the_protection() -> None:
    stage = greeting()
    stage.caller(500, value=VOICE)
    stage.interrupted()
    stage.caller(500, value=VOICE)

    assert heard(stage) == 1_000


def test_a_turn_without_a_word_does_not_end_the_protection() -> None:
    stage = Stage().begun()
    stage.turn_completed()

    stage.caller(500, value=VOICE)

    assert heard(stage) == 0


def test_a_model_that_never_ends_its_greeting_hears_the_caller_after_30_s() -> None:
    stage = Stage().begun()

    for _ in range(15):
        stage.audio(100)
        stage.caller(2_000, QUIET_DBFS, value=HUSH)
    stage.caller(20, QUIET_DBFS, value=HUSH)
    assert stage.heard_by_the_model_ms(HUSH) == 0
    stage.caller(1_000, value=VOICE)

    assert heard(stage) == 1_000


HISTORY = (Turn(n=1, speaker=Speaker.AGENT, text="Hello.", start_ms=0, end_ms=900),)


@pytest.mark.parametrize(
    "stage",
    [lambda: Stage(call_of(protect_greeting=False)), lambda: Stage(history=HISTORY)],
    ids=["protection is off", "the call continues"],
)
def test_an_unprotected_greeting_is_spoken_over_as_any_reply(stage: Callable[[], Stage]) -> None:
    unprotected = greeting(stage())

    unprotected.caller(500, value=VOICE)

    assert heard(unprotected) == 500


def test_what_was_said_over_the_greeting_is_not_sent_into_a_secret() -> None:
    stage = greeting(length_ms=3_000)
    says(stage, 1_600)
    stage.collect(length=4)

    stage.pass_ms(3_000)

    assert heard(stage) == 0


def test_a_secret_told_over_the_greeting_is_never_sent() -> None:
    stage = greeting(length_ms=6_000)
    stage.collect(length=4)
    says(stage, 1_600)
    stage.types("1234")

    stage.pass_ms(6_000)

    assert heard(stage) == 0

from stream_handler.call.actions import ClearPlayback, PlayAudio, SendModelAudio
from tests.stream_handler.call.stage import Stage


def plays(stage: Stage, value: int) -> bool:
    return any(action.mulaw[0] == value for action in stage.all(PlayAudio))


def test_late_audio_of_an_interrupted_turn_is_not_played() -> None:
    stage = Stage().greeted()
    stage.audio(1_000, value=2)
    stage.pass_ms(300)
    stage.interrupted()

    stage.pass_ms(100)
    late = stage.audio(1_000, value=3)

    assert late == ()
    assert stage.played_ms(3) == 0


def test_the_next_turn_is_played_as_soon_as_the_interrupted_one_is_over() -> None:
    stage = Stage().greeted()
    stage.audio(1_000, value=2)
    stage.interrupted()
    stage.turn_completed()

    stage.audio(200, value=3)

    assert plays(stage, 3)


def test_a_turn_end_that_never_comes_costs_a_second_and_not_the_call() -> None:
    stage = Stage().greeted()
    stage.audio(1_000, value=2)
    stage.interrupted()

    for _ in range(9):
        stage.pass_ms(110)
        stage.audio(110, value=3)
    assert not plays(stage, 3)
    stage.pass_ms(110)
    stage.audio(110, value=4)

    assert plays(stage, 4)


def test_sound_that_comes_after_a_pause_is_a_new_reply() -> None:
    stage = Stage().greeted()
    stage.audio(1_000, value=2)
    stage.interrupted()

    stage.pass_ms(100)
    stage.audio(100, value=3)
    stage.pass_ms(250)
    stage.audio(100, value=4)

    assert not plays(stage, 3)
    assert plays(stage, 4)


def test_an_interruption_after_the_generation_clears_what_is_still_playing() -> None:
    stage = Stage().greeted()
    stage.audio(3_000, value=2)
    stage.generation_completed()
    stage.pass_ms(500)

    assert stage.interrupted()[0] == ClearPlayback()
    stage.pass_ms(1_000)
    assert stage.played_ms(2) == 500

    stage.audio(200, value=3)
    assert plays(stage, 3), "nothing was being generated, so no audio can arrive late"


def test_an_interruption_of_silence_clears_nothing() -> None:
    stage = Stage().greeted()

    assert stage.interrupted() == ()


def test_the_callers_audio_waits_for_no_model_that_is_not_there() -> None:
    stage = Stage()
    stage.caller(100)
    assert stage.all(SendModelAudio) == []

    stage.begun()
    stage.caller(100)

    assert len(stage.all(SendModelAudio)) == 5


def test_a_reply_after_a_pause_that_begins_with_silence_loses_nothing() -> None:
    stage = Stage().greeted()
    stage.audio(1_000, value=2)
    stage.interrupted()

    stage.pass_ms(300)
    stage.inaudible_audio(40)
    stage.pass_ms(40)
    stage.audio(400, value=3)
    stage.pass_ms(1_000)

    assert stage.played_ms(3) == 400

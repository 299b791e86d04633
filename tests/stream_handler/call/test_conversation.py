"""Who speaks, who hears it, and barge-in."""

import pytest

from ringdown.calls import EndReason, Speaker, Turn
from stream_handler.call.actions import (
    ClearPlayback,
    ConnectModel,
    PlayRingback,
    SendModelText,
)
from stream_handler.call.events import ModelConnected, StreamStarted, StreamStopped
from stream_handler.call.timers import LENGTH_MS, Timer
from tests.stream_handler.call.stage import Stage

HISTORY = (
    Turn(n=1, speaker=Speaker.AGENT, text="Hello.", start_ms=0, end_ms=900),
    Turn(n=4, speaker=Speaker.CALLER, text="Billing.", start_ms=2_000, end_ms=2_600),
)
RING = 0
"""The value of the bytes that the stage plays as ringback."""


# Ringback


def test_a_model_that_is_slow_to_speak_is_covered_by_ringing() -> None:
    stage = Stage().begun()

    stage.pass_ms(590)
    assert stage.all(PlayRingback) == [], "a quick model needs no ring"
    stage.pass_ms(10)
    assert len(stage.all(PlayRingback)) == 1
    stage.pass_ms(5_990)
    assert len(stage.all(PlayRingback)) == 1
    stage.pass_ms(10)
    assert len(stage.all(PlayRingback)) == 2


def test_it_rings_while_the_model_is_not_even_connected() -> None:
    stage = Stage()
    stage.handle(StreamStarted(0.0))

    stage.pass_ms(7_000)
    stage.handle(ModelConnected(stage.now_ms))

    assert len(stage.all(PlayRingback)) == 2
    assert Timer.RINGBACK in stage.timers, "the model is connected but hasn't spoken"


def test_the_models_first_word_cuts_the_ring_off() -> None:
    stage = Stage().begun()
    stage.pass_ms(1_000)

    first, *_ = stage.audio(500, value=7)
    stage.pass_ms(500)

    assert first == ClearPlayback()
    assert stage.played_ms(RING) == 400
    assert stage.played_ms(7) == 500, "the first word waits behind the ring"
    assert Timer.RINGBACK not in stage.timers


def test_a_model_that_speaks_in_time_is_preceded_by_nothing() -> None:
    stage = Stage().begun()
    stage.pass_ms(400)

    stage.reply("Hello.", 500)
    stage.pass_ms(10_000)

    assert stage.all(PlayRingback) == []
    assert stage.all(ClearPlayback) == []


def test_a_model_that_never_says_a_word_is_given_up() -> None:
    stage = Stage().begun()

    stage.pass_ms(LENGTH_MS[Timer.FIRST_WORD] - 10)
    assert stage.ended_for() is None
    stage.pass_ms(10)

    assert stage.ended_for() is EndReason.MODEL_UNAVAILABLE


def test_ringing_is_not_speech_that_was_heard() -> None:
    stage = Stage().begun()
    stage.pass_ms(1_000)
    stage.handle(StreamStopped(stage.now_ms))

    assert stage.record.turns == {}


# A stream that continues a call


def test_a_resumed_stream_is_told_what_was_said_and_greets_nobody_again() -> None:
    stage = Stage(history=HISTORY).begun()

    [connect], [opening] = stage.all(ConnectModel), stage.all(SendModelText)

    assert "Caller: Billing." in connect.config.instructions
    assert "Do not greet" in opening.text


def test_its_turns_are_numbered_behind_those_before() -> None:
    stage = Stage(history=HISTORY)
    stage.now_ms = 95_000
    stage.greeted("Nobody answered.")
    stage.caller_says("Then you, please.")
    stage.reply("Of course.", 400)
    stage.pass_ms(500)

    assert sorted(stage.record.turns) == [5, 6, 7]
    assert stage.record.turns[5].start_ms == 95_000


@pytest.mark.parametrize(
    ("text", "said"), [("soft words", True), ("  ", False)], ids=["words", "blank"]
)
def test_a_caller_too_soft_for_voice_activity_is_in_the_transcript(text: str, said: bool) -> None:
    stage = Stage().greeted()

    stage.caller_text(text)
    stage.reply("Pardon?", 500)

    assert bool(stage.record.by(Speaker.CALLER)) == said
    assert stage.ended_for() is not EndReason.CALLER_IDLE


# Silence before a reply


def test_silence_before_a_reply_takes_nothing_from_the_one_before() -> None:
    stage = Stage().greeted()
    stage.reply("A long explanation.", 5_000, value=2)
    stage.pass_ms(1_000)

    stage.inaudible_audio(400)
    stage.reply("And the rest of it.", 1_000, value=3)
    stage.pass_ms(6_000)

    assert stage.played_ms(2) == 5_000
    assert stage.played_ms(3) == 1_000


def test_no_reply_waits_behind_seconds_of_silence() -> None:
    stage = Stage().greeted()
    stage.inaudible_audio(4_000)
    stage.pass_ms(200)

    stage.reply("Here it is.", 1_000, value=3)
    stage.pass_ms(1_000)

    assert stage.played_ms(3) == 1_000

"""What the caller hears while a slow tool runs and both sides are silent."""

import msgspec
import pytest

from ringdown.tools import ToolAnswer, Waiting
from stream_handler.call.actions import ClearPlayback, PlayTone, SendModelText
from stream_handler.call.events import ModelInterrupted, StreamStopped, ToolCallCancelled
from tests.ringdown.samples import a_tool
from tests.stream_handler.call.line import BYTES_PER_MS
from tests.stream_handler.call.stage import TONE, Stage, call_of

ANSWER = ToolAnswer(output={"status": "active"})
PHRASES = ("One moment, please.", "I am still looking.")


def stage_with(waiting: Waiting = "tone", phrases: tuple[str, ...] = PHRASES) -> Stage:
    tool = msgspec.structs.replace(a_tool(), waiting=waiting, behavior="non_blocking")
    call = msgspec.structs.replace(call_of(waiting_phrases=phrases), tools=(tool,))
    return Stage(call).greeted()


def tones(stage: Stage) -> int:
    return len(stage.all(PlayTone))


def phrases(stage: Stage) -> list[str]:
    told = stage.told_the_model
    return [phrase for text in told for phrase in PHRASES if phrase in text]


def test_a_quick_tool_makes_no_sound() -> None:
    stage = stage_with()
    stage.tool_call("t1")
    stage.pass_ms(1_400)
    stage.tool_finished("t1", ANSWER)
    stage.pass_ms(5_000)

    assert tones(stage) == 0
    assert stage.all(ClearPlayback) == []


def test_a_slow_tool_is_covered_by_a_tone_every_two_seconds() -> None:
    stage = stage_with()
    stage.tool_call("t1")

    stage.pass_ms(1_550)
    assert tones(stage) == 1
    stage.pass_ms(4_000)
    assert tones(stage) == 3
    stage.tool_finished("t1", ANSWER)
    stage.pass_ms(5_000)
    assert tones(stage) == 3


def test_the_tone_ends_the_moment_the_tool_answers() -> None:
    stage = stage_with()
    stage.tool_call("t1")
    stage.pass_ms(1_600)

    done = stage.tool_finished("t1", ANSWER)

    assert ClearPlayback() in done
    assert stage.played_ms(TONE) < 150, "the tone keeps playing"


def test_the_tone_ends_before_the_models_voice() -> None:
    stage = stage_with()
    stage.tool_call("t1")
    stage.pass_ms(1_600)

    done = stage.audio(500)

    assert done[0] == ClearPlayback()
    stage.pass_ms(600)
    assert stage.played_ms() == 400 + 500, "the model's words are cleared too"


def test_the_tone_ends_the_moment_the_caller_speaks() -> None:
    stage = stage_with()
    stage.tool_call("t1")
    stage.pass_ms(1_520)
    assert tones(stage) == 1

    stage.caller(200)

    assert stage.all(ClearPlayback) == [ClearPlayback()]
    stage.caller(3_000)
    assert tones(stage) == 1, "the tone sounds over the caller"


def test_a_caller_whom_only_the_model_hears_ends_the_tone_too() -> None:
    stage = stage_with()
    stage.tool_call("t1")
    stage.pass_ms(1_520)

    stage.handle(ModelInterrupted(stage.now_ms))

    assert stage.all(ClearPlayback) == [ClearPlayback()]


def test_the_wait_begins_when_the_models_own_words_have_been_heard() -> None:
    stage = stage_with()
    stage.agent_text("One moment.")
    stage.audio(2_950)
    stage.tool_call("t1")  # in the middle of a reply that continues with the result

    stage.pass_ms(4_400)
    assert tones(stage) == 0, "the tone sounds over, or right behind, the model's words"
    stage.pass_ms(200)
    assert tones(stage) == 1


def test_a_tone_is_not_counted_as_words() -> None:
    stage = stage_with()
    stage.tool_call("t1")
    stage.pass_ms(2_500)
    stage.tool_finished("t1", ANSWER)
    stage.reply("Your account is active.", 1_000)
    stage.pass_ms(300)
    stage.interrupted()

    turn = stage.record.turns[max(stage.record.turns)]
    assert turn.interrupted
    assert len(turn.text.split()) <= 2, f"{turn.text!r} recorded after 300 of 1000 ms"
    assert stage.played_ms() * BYTES_PER_MS > 0


@pytest.mark.parametrize("end", ["cancelled", "hang-up"])
def test_nothing_sounds_when_there_is_nothing_to_wait_for(end: str) -> None:
    stage = stage_with()
    stage.tool_call("t1")
    stage.pass_ms(1_600)

    if end == "cancelled":
        stage.handle(ToolCallCancelled(stage.now_ms, ("t1",)))
    else:
        stage.handle(StreamStopped(stage.now_ms))
    stage.pass_ms(1_500)

    assert tones(stage) == 1


def test_a_tool_may_ask_for_silence() -> None:
    stage = stage_with("nothing")
    stage.tool_call("t1")
    stage.pass_ms(8_000)

    assert tones(stage) == 0
    assert stage.told_the_model == []


# Phrases


def test_the_model_says_a_phrase_once_and_then_the_tone_sounds() -> None:
    stage = stage_with("phrase")
    stage.tool_call("t1")
    stage.pass_ms(1_550)

    assert phrases(stage) == [PHRASES[0]]
    stage.pass_ms(500)
    stage.reply(PHRASES[0], 800)
    stage.pass_ms(2_400)
    assert tones(stage) == 1
    stage.pass_ms(6_000)
    assert phrases(stage) == [PHRASES[0]], "the phrase is repeated"


def test_the_next_slow_tool_gets_the_next_phrase() -> None:
    stage = stage_with("phrase")
    for id in ("t1", "t2", "t3"):
        stage.caller_says("And now?")
        stage.tool_call(id)
        stage.pass_ms(1_600)
        stage.reply("Yes.", 300)
        stage.tool_finished(id, ANSWER)
        stage.pass_ms(500)

    assert phrases(stage) == [PHRASES[0], PHRASES[1], PHRASES[0]]


def test_the_only_phrase_there_is_is_not_said_twice_in_a_row() -> None:
    stage = stage_with("phrase", PHRASES[:1])
    for id in ("t1", "t2"):
        stage.caller_says("And now?")
        stage.tool_call(id)
        stage.pass_ms(1_600)
        stage.tool_finished(id, ANSWER)

    assert phrases(stage) == [PHRASES[0]]
    assert tones(stage) == 1


def test_an_agent_without_phrases_has_the_tone() -> None:
    stage = stage_with("phrase", ())
    stage.tool_call("t1")
    stage.pass_ms(1_600)

    assert tones(stage) == 1
    assert stage.told_the_model == []


def test_a_model_that_waits_for_the_tool_is_not_asked_to_speak() -> None:
    """The model would take our text for the caller's and abandon the tool call."""
    stage = stage_with("phrase")
    stage.tool_call("t1", blocks=True)
    stage.pass_ms(1_600)

    assert tones(stage) == 1
    assert len(stage.all(SendModelText)) == 1, "the model was asked for more than the greeting"

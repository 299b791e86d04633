from ringdown.calls import Speaker, Usage
from stream_handler.call.actions import (
    ClearPlayback,
    ConnectModel,
    PlayAudio,
    SendModelAudio,
    SendModelText,
)
from stream_handler.call.events import (
    CallerAudio,
    ModelConnected,
    StreamStarted,
    StreamStopped,
)
from tests.ringdown.samples import a_call, an_agent
from tests.stream_handler.call.stage import SILENT_FRAME, Stage


def test_the_model_is_dialled_first_and_asked_to_greet_once_it_is_there() -> None:
    stage = Stage(a_call(agent=an_agent(greeting="Anvil and Sons.")))

    [connect] = stage.handle(StreamStarted(0.0))
    [greet] = stage.handle(ModelConnected(700.0))

    assert isinstance(connect, ConnectModel)
    assert isinstance(greet, SendModelText)
    assert "Anvil and Sons." in greet.text


def test_each_frame_goes_up_as_it_comes() -> None:
    stage = Stage().begun()

    actions = stage.handle(CallerAudio(20.0, SILENT_FRAME, -20.0))

    assert actions == (SendModelAudio(SILENT_FRAME),)


def test_a_whole_short_call() -> None:
    stage = Stage().greeted("Hello.")
    stage.caller_says("What is my balance?")
    stage.tool_call("t1")
    stage.reply("Ten dollars. Goodbye.", 1_500)
    stage.pass_ms(1_600)
    stage.handle(StreamStopped(stage.now_ms))
    stage.saved()

    assert stage.closed is not None
    assert stage.record.told() == [
        (Speaker.AGENT, "Hello."),
        (Speaker.CALLER, "What is my balance?"),
        (Speaker.AGENT, "Ten dollars. Goodbye."),
    ]


def test_a_barge_in_stops_the_sound_before_anything_else_is_done() -> None:
    stage = Stage().greeted()
    stage.agent_text("A long story.")
    stage.audio(5_000, value=5)
    stage.pass_ms(1_000)
    stage.caller(200)

    first, *_ = stage.interrupted()
    stage.pass_ms(3_000)

    assert first == ClearPlayback()
    assert stage.played_ms(5) == 1_200


def test_a_conversation_goes_on_after_a_barge_in() -> None:
    stage = Stage().greeted()
    stage.audio(5_000, value=5)
    stage.caller(400)
    stage.interrupted()
    stage.turn_completed()
    stage.caller_says("Stop.")

    stage.reply("All right.", 600, value=6)
    stage.pass_ms(700)

    assert stage.played_ms(6) == 600
    assert stage.record.by(Speaker.AGENT)[-1].text == "All right."


def test_an_empty_chunk_plays_nothing() -> None:
    stage = Stage().begun()

    stage.audio(0)

    assert stage.all(PlayAudio) == []


def test_usage_is_the_sum_of_every_report() -> None:
    stage = Stage().greeted()
    stage.usage(Usage(reports=1, prompt={"AUDIO": 100}, response={"AUDIO": 50}, total=150))
    stage.usage(Usage(reports=1, prompt={"AUDIO": 180, "TEXT": 5}, thoughts=2, total=187))
    stage.handle(StreamStopped(stage.now_ms))

    usage = stage.record.usage
    assert (usage.reports, usage.total, usage.thoughts) == (2, 337, 2)
    assert usage.prompt == {"AUDIO": 280, "TEXT": 5}
    assert usage.response == {"AUDIO": 50}

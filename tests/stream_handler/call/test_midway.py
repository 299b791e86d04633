"""At any point the caller may hang up, speak, or never say anything again."""

from collections.abc import Callable

import pytest

from ringdown.calls import EndReason, NextAction, Speaker, ToolOutcome, Turn
from stream_handler.call.actions import CloseStream, SendToolResponse
from stream_handler.call.events import StreamStarted, StreamStopped
from stream_handler.call.timers import LENGTH_MS, Timer
from tests.stream_handler.call.stage import QUIET_DBFS, Stage, call_of

MAX_CALL_S = 90
HISTORY = (Turn(n=3, speaker=Speaker.CALLER, text="Billing.", start_ms=0, end_ms=900),)


def fresh(history: tuple[Turn, ...] = (), **agent: object) -> Stage:
    people = {"billing": "+14155550111"}
    agent = {"max_call_s": MAX_CALL_S, "transfer_numbers": people, **agent}
    return Stage(call_of(fallback_number="+14155550177", **agent), history=history)


def asked() -> Stage:
    """A call in which the caller has spoken and the agent is about to reply."""
    stage = fresh().greeted()
    stage.caller_says("Please.")
    return stage


def connecting() -> Stage:
    stage = fresh()
    stage.handle(StreamStarted(0.0))
    stage.pass_ms(300)
    return stage


def ringing() -> Stage:
    stage = fresh().begun()
    stage.pass_ms(1_000)
    return stage


def greeting(stage: Stage | None = None) -> Stage:
    stage = (stage or fresh()).begun()
    stage.reply("Hello, this is Anvil and Sons.", 3_000)
    stage.pass_ms(1_000)
    return stage


def awaiting_the_nudge() -> Stage:
    stage = fresh().greeted()
    stage.pass_ms(9_000)
    return stage


def nudging() -> Stage:
    stage = fresh().greeted()
    stage.pass_ms(10_000)
    stage.reply("Are you still there?", 1_500)
    stage.pass_ms(500)
    return stage


def nudged() -> Stage:
    stage = nudging()
    stage.pass_ms(5_000)
    return stage


def warning_of_the_time() -> Stage:
    stage = fresh(max_call_s=62).greeted()
    stage.pass_ms(1_500)
    stage.reply("One minute is left.", 1_500)
    stage.pass_ms(500)
    return stage


def goodbye() -> Stage:
    stage = asked()
    stage.reply("Goodbye!", 2_000)
    stage.end_call()
    stage.pass_ms(500)
    return stage


def goodbye_to_come() -> Stage:
    stage = asked()
    stage.end_call()
    stage.pass_ms(500)
    return stage


def forgotten_hang_up() -> Stage:
    stage = asked()
    stage.reply("Goodbye!", 1_000)
    stage.pass_ms(3_000)
    return stage


def transfer() -> Stage:
    stage = asked()
    stage.reply("I am connecting you.", 2_000)
    stage.transfer("billing")
    stage.pass_ms(500)
    return stage


def typing() -> Stage:
    stage = fresh().greeted()
    stage.types("42")
    return stage


def collecting() -> Stage:
    stage = asked()
    stage.reply("Please type your PIN.", 500)
    stage.collect(length=4)
    stage.types("12", every_ms=1_000)
    return stage


def tool_running() -> Stage:
    stage = asked()
    stage.tool_call("t1")
    stage.pass_ms(500)
    return stage


SCENES: dict[Callable[[], Stage], tuple[EndReason, int]] = {
    # How the call ends if both sides stay silent, and within how many seconds.
    connecting: (EndReason.TIME_LIMIT, 90),
    ringing: (EndReason.MODEL_UNAVAILABLE, 16),
    greeting: (EndReason.CALLER_IDLE, 33),
    lambda: greeting(fresh(protect_greeting=False)): (EndReason.CALLER_IDLE, 33),
    lambda: greeting(fresh(HISTORY)): (EndReason.CALLER_IDLE, 33),
    awaiting_the_nudge: (EndReason.CALLER_IDLE, 22),
    nudging: (EndReason.CALLER_IDLE, 20),
    nudged: (EndReason.CALLER_IDLE, 15),
    warning_of_the_time: (EndReason.CALLER_IDLE, 32),
    goodbye: (EndReason.AGENT_HUNG_UP, 2),
    goodbye_to_come: (EndReason.AGENT_HUNG_UP, 6),
    forgotten_hang_up: (EndReason.AGENT_HUNG_UP, 5),
    transfer: (EndReason.TRANSFERRED, 2),
    typing: (EndReason.MODEL_LOST, 20),
    collecting: (EndReason.MODEL_LOST, 25),
    tool_running: (EndReason.TIME_LIMIT, 90),
}
NAMES = [
    "connecting", "ringing", "greeting", "unprotected greeting", "resumed", "awaiting the nudge",
    "nudging", "nudged", "warning of the time", "goodbye", "goodbye to come", "forgotten hang-up",
    "transfer", "typing", "collecting", "tool running",
]  # fmt: skip
WITHOUT_MODEL = {connecting, ringing}

in_every_scene = pytest.mark.parametrize("scene", SCENES, ids=NAMES)


@in_every_scene
def test_a_hang_up_ends_the_call_there_and_then(scene: Callable[[], Stage]) -> None:
    stage = scene()

    stage.handle(StreamStopped(stage.now_ms))

    assert stage.ended_for() is EndReason.CALLER_HUNG_UP
    assert list(stage.timers) == [Timer.FINAL_SAVE]
    stage.saved()
    assert stage.closed == CloseStream(NextAction.HANG_UP)


@in_every_scene
def test_a_model_that_is_lost_and_does_not_come_back_ends_the_call(
    scene: Callable[[], Stage],
) -> None:
    stage = scene()
    stage.refusals = [None] * 100

    stage.lose_model()
    stage.pass_ms(16_000 if scene is connecting else 10_000)

    said, _ = SCENES[scene]
    leaving = said in (EndReason.AGENT_HUNG_UP, EndReason.TRANSFERRED)
    if scene is connecting:
        assert stage.ended_for() is None, "there is no session to lose yet"
    elif leaving and scene is not forgotten_hang_up:
        assert stage.ended_for() is said, "a call that is ending anyway needs no model"
    else:
        assert stage.ended_for() is EndReason.MODEL_LOST
        stage.pass_ms(LENGTH_MS[Timer.FINAL_SAVE])
        assert stage.closed == CloseStream(NextAction.FALL_BACK)


@pytest.mark.parametrize(
    "scene", [s for s in SCENES if s not in (goodbye, goodbye_to_come, transfer, connecting)]
)
def test_a_model_that_is_lost_comes_back(scene: Callable[[], Stage]) -> None:
    stage = scene()

    stage.lose_model()
    stage.pass_ms(150)

    assert stage.ended_for() is None
    [made] = stage.reconnects
    assert (made.took_ms, made.reason) == (100, "1011 internal")


@in_every_scene
def test_a_silence_on_both_sides_ends_by_itself(scene: Callable[[], Stage]) -> None:
    stage = scene()
    reason, within_s = SCENES[scene]
    began_ms = stage.now_ms

    while stage.ended_for() is None and stage.now_ms < began_ms + within_s * 1_000:
        stage.caller(100, QUIET_DBFS)

    assert stage.ended_for() is reason


@pytest.mark.parametrize(
    ("scene", "name"),
    [(scene, name) for scene, name in zip(SCENES, NAMES, strict=True)
     if scene not in WITHOUT_MODEL],
    ids=[name for scene, name in zip(SCENES, NAMES, strict=True) if scene not in WITHOUT_MODEL],
)  # fmt: skip
def test_a_caller_who_speaks_is_talked_with(scene: Callable[[], Stage], name: str) -> None:
    """The model notices the caller, and stops what it was saying."""
    stage = scene()

    stage.caller(1_000)
    stage.interrupted()
    stage.turn_completed()
    stage.caller(600, QUIET_DBFS)
    stage.reply("What can I do for you?", 1_000, value=7)
    stage.pass_ms(5_000)

    assert stage.played_ms(7) == 1_000, f"the reply wasn't heard: {name}"
    assert stage.ended_for() is None
    assert stage.record.by(Speaker.AGENT)[-1].text == "What can I do for you?"


def test_a_hang_up_in_a_collection_cancels_it_and_keeps_no_digit() -> None:
    stage = collecting()

    stage.handle(StreamStopped(stage.now_ms))

    assert stage.record.tool_calls["c1"].outcome is ToolOutcome.CANCELLED
    assert all(response.id != "c1" for response in stage.all(SendToolResponse))


def test_a_key_in_the_middle_of_a_goodbye_may_still_ask_for_a_person() -> None:
    stage = asked()
    stage.end_call()

    stage.types("0")
    stage.pass_ms(2_000)

    assert stage.ended_for() is EndReason.CALLER_ASKED_FOR_PERSON

"""The model has several endpoints: if one refuses or breaks its sessions, another takes over."""

import msgspec
import pytest

from ringdown.calls import EndReason, Resumption, Speaker, Turn
from stream_handler.call.actions import ConnectModel, SaveCall
from stream_handler.call.events import (
    GoAwayReceived,
    ModelConnectFailed,
    ResumptionUpdated,
    StreamStarted,
)
from stream_handler.record.flight_record import read_flight
from stream_handler.record.flight_replay import replay
from tests.ringdown.samples import a_call
from tests.stream_handler.call.stage import WORDS, Stage

ENDPOINTS = ("developer", "vertex:us-central1")
FIRST, SECOND = 0, 1


def dials(stage: Stage) -> list[tuple[int, str | None]]:
    """The endpoint and the handle of each session that was opened."""
    return [(dial.endpoint, dial.config.handle) for dial in stage.all(ConnectModel)]


def starting(*refusals: int, endpoints: tuple[str, ...] = ENDPOINTS) -> Stage:
    """A call whose first sessions are refused with these codes."""
    stage = Stage(endpoints=endpoints)
    first, *others = refusals
    stage.refusals = [*others]
    stage.handle(StreamStarted(0.0, endpoints))
    stage.pass_ms(100)
    stage.handle(ModelConnectFailed(stage.now_ms, f"{first} refused", first))
    return stage


def talking(handle: str | None = "h1") -> Stage:
    """A live call on the first endpoint."""
    stage = Stage(endpoints=ENDPOINTS).greeted("Anvil and Sons.")
    if handle is not None:
        stage.handle(ResumptionUpdated(stage.now_ms, handle))
    return stage


def breaking(stage: Stage, *, after_ms: float = 2_000) -> None:
    """Break the session, and let another replace it."""
    stage.pass_ms(after_ms)
    stage.lose_model()
    stage.pass_ms(200)


# An endpoint refuses


@pytest.mark.parametrize("code", [503, 403], ids=["may pass", "for good"])
def test_a_refused_session_is_opened_at_the_next_endpoint_immediately(code: int) -> None:
    stage = starting(code)

    assert dials(stage) == [(FIRST, None), (SECOND, None)]
    stage.pass_ms(100)
    [made] = stage.reconnects
    assert (made.endpoint, made.reason) == ("vertex:us-central1", f"{code} refused")
    assert (made.at_ms, made.took_ms) == (200, 200)


def test_a_call_at_the_first_endpoint_has_nothing_to_record() -> None:
    assert talking().reconnects == ()


def test_after_the_last_endpoint_comes_the_first_again() -> None:
    stage = starting(503, 503, 503)
    stage.pass_ms(1_000)

    assert [place for place, _ in dials(stage)] == [FIRST, SECOND, FIRST, SECOND]
    assert stage.reconnects[0].endpoint == "vertex:us-central1"


def test_an_endpoint_that_will_not_take_the_key_is_not_dialled_again() -> None:
    stage = starting(401, 503, 503)
    stage.pass_ms(2_000)

    assert [place for place, _ in dials(stage)] == [FIRST, SECOND, SECOND, SECOND]


def test_when_every_endpoint_refuses_for_good_the_call_ends_immediately() -> None:
    stage = starting(401, 403)
    stage.pass_ms(150)

    assert stage.ended_for() is EndReason.MODEL_UNAVAILABLE
    [error] = [save.changes.model_error for save in stage.all(SaveCall) if save.changes.model_error]
    assert error == "401 refused (developer); refused (vertex:us-central1)"


@pytest.mark.parametrize("endpoints", [ENDPOINTS, ("developer",)], ids=["two", "one"])
def test_when_every_endpoint_refuses_the_caller_rings_for_no_more_than_eight_seconds(
    endpoints: tuple[str, ...],
) -> None:
    stage = starting(*[503] * 100, endpoints=endpoints)
    stage.pass_ms(6_500)
    assert stage.ended_for() is None
    stage.pass_ms(1_400)

    assert stage.ended_for() is EndReason.MODEL_UNAVAILABLE


@pytest.mark.parametrize(
    ("endpoints", "within_ms"),
    [(("developer",), 8_000), (ENDPOINTS, 4_000), ((*ENDPOINTS, "vertex:eu", "vertex:us"), 2_000)],
)
def test_one_that_never_gets_ready_leaves_time_for_the_others(
    endpoints: tuple[str, ...], within_ms: int
) -> None:
    stage = Stage(endpoints=endpoints)

    stage.handle(StreamStarted(0.0, endpoints))
    for place in range(len(endpoints)):
        assert stage.all(ConnectModel)[place].within_ms == within_ms
        stage.now_ms += within_ms
        stage.dialled_ms = None
        stage.handle(ModelConnectFailed(stage.now_ms, "not ready in time"))

    assert stage.now_ms == 8_000
    assert stage.ended_for() is EndReason.MODEL_UNAVAILABLE


# An endpoint breaks


def test_a_second_break_within_a_minute_leads_to_the_next_endpoint() -> None:
    stage = talking()
    breaking(stage)
    stage.handle(ResumptionUpdated(stage.now_ms, "h2"))
    breaking(stage)

    assert dials(stage) == [(FIRST, None), (FIRST, "h1"), (SECOND, None)]
    assert "You: Anvil and Sons." in stage.all(ConnectModel)[-1].config.instructions
    assert [made.endpoint for made in stage.reconnects] == [None, "vertex:us-central1"]
    assert stage.ended_for() is None


def test_a_session_that_breaks_twice_before_the_greeting_leads_there_too() -> None:
    stage = Stage(endpoints=ENDPOINTS).begun()
    breaking(stage, after_ms=100)
    breaking(stage, after_ms=100)

    assert [place for place, _ in dials(stage)] == [FIRST, FIRST, SECOND]
    stage.reply("Hello.", 400, value=9)
    stage.pass_ms(500)
    assert stage.played_ms(9) == 400


def test_two_breaks_minutes_apart_lead_nowhere_else() -> None:
    stage = talking()
    breaking(stage)
    stage.handle(ResumptionUpdated(stage.now_ms, "h2"))
    for _ in range(4):
        stage.caller_says("Go on.")
        stage.reply("Yes.", 500)
        stage.pass_ms(20_000)
        stage.types("1")
    breaking(stage)

    assert dials(stage) == [(FIRST, None), (FIRST, "h1"), (FIRST, "h2")]


def test_a_session_that_announces_its_end_has_not_broken() -> None:
    stage = talking()
    for handle in ("h2", "h3"):
        stage.tool_call(f"t{handle}")
        stage.handle(GoAwayReceived(stage.now_ms, 50_000.0))
        breaking(stage)
        stage.handle(ResumptionUpdated(stage.now_ms, handle))

    assert dials(stage) == [(FIRST, None), (FIRST, "h1"), (FIRST, "h2")]


def test_breaks_at_the_next_endpoint_are_counted_anew() -> None:
    stage = talking(None)
    for _ in range(3):
        breaking(stage)
    assert [place for place, _ in dials(stage)] == [FIRST, FIRST, SECOND, SECOND]

    breaking(stage)

    assert [place for place, _ in dials(stage)][-1] == FIRST


# Handles


def test_a_refused_handle_is_not_a_refused_endpoint() -> None:
    stage = talking()
    stage.refusals = [1008]
    breaking(stage)

    assert dials(stage) == [(FIRST, None), (FIRST, "h1"), (FIRST, None)]


def test_after_the_handle_the_endpoint_may_refuse_too() -> None:
    stage = talking()
    stage.refusals = [1008, 503]
    breaking(stage)

    assert dials(stage) == [(FIRST, None), (FIRST, "h1"), (FIRST, None), (SECOND, None)]


def test_a_handle_is_used_only_where_it_was_given() -> None:
    stage = talking()
    stage.refusals = [503, 503]
    breaking(stage)
    stage.pass_ms(500)

    assert dials(stage) == [(FIRST, None), (FIRST, "h1"), (SECOND, None), (FIRST, "h1")]


def test_a_handle_of_the_next_endpoint_is_used_there() -> None:
    stage = starting(503)
    stage.pass_ms(100)
    stage.reply("Hello.", 400)
    stage.handle(ResumptionUpdated(stage.now_ms, "h2"))
    breaking(stage)

    assert dials(stage)[-1] == (SECOND, "h2")
    assert stage.record.resumption is not None
    assert stage.record.resumption.endpoint == "vertex:us-central1"


@pytest.mark.parametrize(
    ("endpoints", "dialled"),
    [
        (ENDPOINTS, (SECOND, "h1")),
        (("developer", "vertex:eu"), (FIRST, None)),
        (("developer",), (FIRST, None)),
    ],
    ids=["still there", "another one", "gone"],
)
def test_the_next_stream_begins_where_its_handle_is_known(
    endpoints: tuple[str, ...], dialled: tuple[int, str | None]
) -> None:
    resumption = Resumption(handle="h1", at_ms=400, endpoint="vertex:us-central1")
    call = msgspec.structs.replace(a_call(attempt=2), resumption=resumption)
    history = (Turn(n=1, speaker=Speaker.AGENT, text="Hello.", start_ms=0, end_ms=400),)
    stage = Stage(call, history=history, endpoints=endpoints)

    stage.begun()

    assert dials(stage) == [dialled]
    assert stage.reconnects == (), "opening the first session isn't a reconnect"


def test_the_next_call_begins_at_the_first_endpoint() -> None:
    starting(503).pass_ms(100)

    assert dials(Stage(endpoints=ENDPOINTS).begun()) == [(FIRST, None)]


def test_the_next_endpoint_is_told_all_that_was_said() -> None:
    """The last attempt at the first endpoint leaves out the recap; the next endpoint gets it."""
    stage = talking(None)
    stage.refusals = [1007, 1007, 1007]
    breaking(stage)
    stage.pass_ms(500)

    assert [place for place, _ in dials(stage)] == [FIRST, FIRST, FIRST, FIRST, SECOND]
    told = ["Anvil and Sons" in dial.config.instructions for dial in stage.all(ConnectModel)]
    assert (told[3], told[4]) == (False, True)


def test_a_later_stream_is_tried_for_as_long_as_the_first() -> None:
    call = msgspec.structs.replace(a_call(attempt=2), resumed_from=EndReason.STREAM_LOST)
    stage = Stage(call)
    stage.now_ms = 60_000.0
    stage.handle(StreamStarted(stage.now_ms))
    stage.handle(ModelConnectFailed(stage.now_ms, "503 refused", 503))
    stage.pass_ms(500)

    assert stage.ended_for() is None
    assert len(dials(stage)) == 2


def test_a_recorded_call_is_replayed_at_the_same_endpoints() -> None:
    stage = starting(503)
    breaking(stage)

    steps = list(replay(read_flight(stage.flight.record()), WORDS))

    assert [step for step in steps if step.differs] == []
    dialled = [d for step in steps for d in step.answer.decisions if d.startswith("ConnectModel")]
    assert [" at endpoint 2" in outline for outline in dialled] == [False, True, True]

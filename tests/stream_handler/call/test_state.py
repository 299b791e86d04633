import pytest

from ringdown.calls import EndReason, NextAction
from stream_handler.call.state import (
    HANG_UP,
    OUTCOMES,
    Ending,
    LinkNews,
    LinkState,
    LinkStep,
    ModelLink,
    Outcome,
    Phase,
    WrongMove,
    transfer_to,
)

CALLER_LEFT = Outcome(EndReason.CALLER_HUNG_UP, NextAction.HANG_UP)
MODEL_LOST = Outcome(EndReason.MODEL_LOST, NextAction.FALL_BACK)


def test_the_first_reason_to_end_is_the_one_that_counts() -> None:
    ending = Ending()

    assert ending.finish(CALLER_LEFT)
    assert not ending.finish(MODEL_LOST)

    assert ending.saved() == CALLER_LEFT
    assert ending.saved() is None, "the stream would be closed twice"


def test_the_first_goodbye_is_the_one_that_counts() -> None:
    ending = Ending()

    assert ending.goodbye_requested(transfer_to("billing"), spoken=True)
    assert not ending.goodbye_requested(HANG_UP, spoken=True)

    assert ending.intended == transfer_to("billing")


def test_a_withdrawn_goodbye_leaves_the_next_one_its_own_intent() -> None:
    ending = Ending()
    ending.goodbye_requested(transfer_to("billing"), spoken=True)

    assert ending.goodbye_withdrawn()
    assert ending.phase is Phase.TALKING
    assert not ending.goodbye_withdrawn()
    ending.goodbye_requested(HANG_UP, spoken=False)

    assert ending.intended == HANG_UP
    assert not ending.goodbye_begun


def test_every_reason_of_the_streams_own_has_its_outcome() -> None:
    elsewhere = {
        EndReason.TRANSFERRED,
        EndReason.NEVER_STREAMED,
        EndReason.OUTSIDE_HOURS,
        EndReason.HANDLER_BUSY,
    }

    assert OUTCOMES.keys() == set(EndReason) - elsewhere


def test_a_wrong_move_warns_and_leaves_the_phase_as_it_was() -> None:
    ending = Ending()

    with pytest.warns(WrongMove, match="TALKING to ANSWERED"):
        ending.goodbye_answered(cut_off=False)

    assert ending.phase is Phase.TALKING, "our own bug must not end a call"


def test_a_wrong_step_of_ours_warns_and_leaves_the_link_as_it_was() -> None:
    link = ModelLink()

    with pytest.warns(WrongMove, match="LEAVE while CONNECTING"):
        link.step(LinkStep.LEAVE)

    assert link.state is LinkState.CONNECTING


def test_late_news_of_a_closed_link_are_no_mistake() -> None:
    link = ModelLink()
    link.close()

    assert [link.take(news) for news in LinkNews] == [False, False, False]
    assert link.state is LinkState.CLOSED
    assert not link.listening

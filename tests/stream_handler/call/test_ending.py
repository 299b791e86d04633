from ringdown.calls import EndReason, NextAction
from stream_handler.call.ending import HANG_UP, OUTCOMES, Ending, Outcome, Phase, transfer_to

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
    assert not ending.goodbye_said(generating=False, playing=False)


def test_every_reason_of_the_streams_own_has_its_outcome() -> None:
    elsewhere = {
        EndReason.TRANSFERRED,
        EndReason.NEVER_STREAMED,
        EndReason.OUTSIDE_HOURS,
        EndReason.HANDLER_BUSY,
    }

    assert OUTCOMES.keys() == set(EndReason) - elsewhere

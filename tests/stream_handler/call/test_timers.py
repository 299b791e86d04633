from stream_handler.call.timers import Deadlines, Timer


def test_a_timer_that_runs_is_not_started_again() -> None:
    deadlines = Deadlines()

    assert deadlines.start(Timer.GOODBYE_ENDS)
    assert not deadlines.start(Timer.GOODBYE_ENDS)


def test_only_a_running_timer_is_cancelled_and_only_once() -> None:
    deadlines = Deadlines()
    assert not deadlines.cancel(Timer.FINAL_SAVE)

    deadlines.start(Timer.FINAL_SAVE)

    assert deadlines.cancel(Timer.FINAL_SAVE)
    assert not deadlines.cancel(Timer.FINAL_SAVE)


def test_a_timer_that_fired_on_its_way_to_being_cancelled_counts_for_nothing() -> None:
    deadlines = Deadlines()
    deadlines.start(Timer.GOODBYE_BEGINS)
    deadlines.cancel(Timer.GOODBYE_BEGINS)

    assert not deadlines.fired(Timer.GOODBYE_BEGINS)


def test_a_timer_can_run_again_once_it_has_fired() -> None:
    deadlines = Deadlines()
    deadlines.start(Timer.GOODBYE_BEGINS)

    assert deadlines.fired(Timer.GOODBYE_BEGINS)
    assert deadlines.running() == ()
    assert deadlines.start(Timer.GOODBYE_BEGINS)


def test_timers_are_told_in_the_order_they_were_started() -> None:
    deadlines = Deadlines()
    for timer in (Timer.FINAL_SAVE, Timer.GOODBYE_BEGINS, Timer.GOODBYE_ENDS):
        deadlines.start(timer)

    assert deadlines.running() == (Timer.FINAL_SAVE, Timer.GOODBYE_BEGINS, Timer.GOODBYE_ENDS)

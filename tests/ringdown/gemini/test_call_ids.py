from ringdown.gemini.call_ids import CallIds


def test_an_id_of_the_service_goes_through_unchanged() -> None:
    ids = CallIds()

    assert ids.of("call-7") == "call-7"
    assert ids.answered("call-7") == "call-7"
    assert ids.cancelled(["call-7"]) == ("call-7",)


def test_a_call_without_an_id_is_known_by_one_that_never_reaches_the_wire() -> None:
    ids = CallIds()

    ours = ids.of(None)

    assert ours
    assert ids.answered(ours) is None


def test_ids_are_unique_over_the_sessions_of_a_call() -> None:
    made = [ids.of("") for ids in (CallIds(), CallIds()) for _ in range(3)]

    assert len(set(made)) == 6


def test_an_answer_from_a_session_before_carries_no_id_either() -> None:
    earlier = CallIds().of(None)

    assert CallIds().answered(earlier) is None


def test_a_cancellation_that_names_nothing_means_every_open_call_without_an_id() -> None:
    ids = CallIds()
    ids.of("call-7")
    first, second, third = (ids.of(None) for _ in range(3))
    ids.answered(second)

    assert ids.cancelled(None) == (first, third)
    assert ids.cancelled([]) == ()

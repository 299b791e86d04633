"""Showing what is being said, until the record has it."""

from devtools.model_wire import Cut, Words
from devtools.talk.live_words import LiveWords
from ringdown.calls import Speaker, Turn

AGENT, CALLER = Speaker.AGENT, Speaker.CALLER


def a_turn(n: int, text: str, who: Speaker = AGENT, *, interrupted: bool = False) -> Turn:
    return Turn(n=n, speaker=who, text=text, start_ms=0, end_ms=0, interrupted=interrupted)


def hearing(*pieces: str, who: Speaker = AGENT) -> LiveWords:
    words = LiveWords()
    for piece in pieces:
        words.hear(Words(who, piece))
    return words


def test_words_are_shown_as_they_come_until_their_turn_is_recorded() -> None:
    words = hearing("when is my", " next delivery", who=CALLER)
    assert words.text(CALLER) == "when is my next delivery"
    assert words.record(a_turn(1, "when is my next delivery", CALLER)) == (CALLER,)
    assert words.text(CALLER) == ""


def test_what_came_after_the_turn_is_still_being_said() -> None:
    words = hearing("One moment,", " please.", "Your account", " is active")
    words.record(a_turn(1, "One moment, please."))
    assert words.text(AGENT) == "Your account is active"


def test_what_was_said_before_a_recorded_turn_was_never_heard() -> None:
    words = hearing("Nobody heard this.", "I am back.", " Please")
    words.record(a_turn(1, "I am back."))
    assert words.text(AGENT) == "Please"


def test_an_interruption_takes_back_what_was_to_come_and_nothing_else() -> None:
    words = hearing("Once there was", " a telephone", " that nobody answered.")
    words.hear(Cut())
    words.hear(Words(AGENT, "It is"))
    words.record(a_turn(1, "Once there", interrupted=True))
    assert words.text(AGENT) == "It is"


def test_late_words_of_a_recorded_turn_are_not_being_said() -> None:
    words = hearing("when is", who=CALLER)
    words.record(a_turn(1, "when is", CALLER))
    words.hear(Words(CALLER, " my delivery"))
    words.record(a_turn(1, "when is my delivery", CALLER))
    assert words.text(CALLER) == ""


def test_a_turn_that_differs_leaves_the_words_as_they_are() -> None:
    words = hearing("number five")
    assert words.record(a_turn(1, "number 5")) == ()
    assert words.text(AGENT) == "number five"


def test_with_its_handler_what_is_in_no_record_is_lost() -> None:
    words = hearing("Your account", " is")
    assert words.lose() == ((AGENT, "Your account is"),)
    assert words.lose() == ()

import pytest

from simulators.gemini_live.faults import Misquote
from simulators.gemini_live.obedience import answer_from, misquoted, obey, recited
from simulators.gemini_live.replies import Answer
from simulators.gemini_live.scenario import Reply

INSTRUCTIONS = """You are friendly.

- The family plan costs twenty dollars a month.
- Delivery is on Thursdays.
"""


def said(say: str, question: str = "") -> str | None:
    return obey(Answer("a", Reply(say=say)), question, INSTRUCTIONS).reply.say


def test_a_greeting_is_said_in_the_words_that_were_asked_for() -> None:
    asked = 'Greet them, in exactly these words: "Welcome to "Anna\'s", hello."'
    assert said("{quoted}", asked) == 'Welcome to "Anna\'s", hello.'


def test_an_answer_is_what_the_instructions_say() -> None:
    assert said("{instructed}", "what does the plan cost") == (
        "The family plan costs twenty dollars a month."
    )


def test_without_an_instruction_nothing_is_known() -> None:
    assert said("{quoted}", "Greet them.") == "I do not know that."
    assert answer_from("Be brief.", "Where are you?") == "I do not know that."


def test_values_of_tools_stay() -> None:
    assert said("It is {output.balance}.") == "It is {output.balance}."


def test_the_words_in_quotation_marks_are_said_word_for_word() -> None:
    assert recited('Say it word for word: "We are "Anna\'s"."') == 'We are "Anna\'s".'
    assert recited('Greet them, in exactly these words: "Hello."') is None


@pytest.mark.parametrize(
    ("how", "heard"), [("other_words", "Sure. One two three."), ("cut_off", "One two")]
)
def test_models_get_it_wrong(how: Misquote, heard: str) -> None:
    assert misquoted("One two three.", how) == heard

from simulators.gemini_live.obedience import answer_from, obey
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


def test_what_nobody_asked_for_is_not_known() -> None:
    assert said("{quoted}", "Greet them.") == "I do not know that."
    assert answer_from("Be brief.", "Where are you?") == "I do not know that."


def test_values_of_tools_stay() -> None:
    assert said("It is {output.balance}.") == "It is {output.balance}."
